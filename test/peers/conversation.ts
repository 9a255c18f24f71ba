/** What a peer with a standard WebSocket does and sees. Self-contained: it also runs inside a browser's page. */

export interface Transcript {
  /** What the server answered to the client's offers. */
  readonly extensions: string;
  readonly protocol: string;
  readonly acks: readonly string[];
  /** What each of two clients received after its ack, in order. */
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly close: { readonly code: number; readonly reason: string; readonly wasClean: boolean };
}

/**
 * Opens two clients of one prefix; each sends its texts in turn and the other's answer is awaited. Ends when each has
 * received as many messages as told, then closes the left one with 1000 "done".
 */
export async function converse(options: {
  readonly url: string;
  readonly prefix: string;
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly expected: { readonly left: number; readonly right: number };
}): Promise<Transcript> {
  const open = async () => {
    const socket = new WebSocket(options.url);
    const got: string[] = [];
    let wake = (): void => undefined;
    socket.addEventListener("message", (message: { data: unknown }) => {
      got.push(String(message.data));
      wake();
    });
    const closed = new Promise<{ code: number; reason: string; wasClean: boolean }>((resolve) => {
      socket.addEventListener("close", (e: { code: number; reason: string; wasClean: boolean }) => {
        resolve({ code: e.code, reason: e.reason, wasClean: e.wasClean });
        wake();
      });
    });
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no connection to ${options.url}`)));
    });
    const count = async (n: number): Promise<void> => {
      while (got.length < n) {
        if (socket.readyState > 1) throw new Error(`closed after ${got.length} of ${n} messages`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    return { socket, got, count, closed };
  };

  const [left, right] = [await open(), await open()];
  for (const peer of [left, right]) {
    peer.socket.send(JSON.stringify([options.prefix]));
    await peer.count(1);
  }
  for (const text of options.left) left.socket.send(text);
  await right.count(1 + options.expected.right);
  for (const text of options.right) right.socket.send(text);
  await left.count(1 + options.expected.left);
  left.socket.close(1000, "done");
  right.socket.close();
  const close = await left.closed;
  await right.closed;
  return {
    extensions: left.socket.extensions ?? "",
    protocol: left.socket.protocol ?? "",
    acks: [left.got[0]!, right.got[0]!],
    left: left.got.slice(1),
    right: right.got.slice(1),
    close,
  };
}
