/** Takes a CPU profile of the JavaScript in a workerd through its inspector: Worker and objects share one isolate. */
import { once } from "node:events";
import { WebSocket } from "ws";

/** A node of V8's profile, as the DevTools protocol gives it. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface Reply {
  readonly id?: number;
  readonly result?: { readonly profile?: CpuProfile };
  readonly error?: { readonly message: string };
}

const SAMPLING_INTERVAL_US = 250;

/** Profiles the Worker of this name at `port` while `work` runs. */
export async function profileWhile(
  port: number,
  workerName: string,
  work: () => Promise<void>,
): Promise<CpuProfile> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    readonly webSocketDebuggerUrl: string;
    readonly id: string;
  }[];
  const target = targets.find((t) => t.id.endsWith(`:user:${workerName}`));
  if (target === undefined)
    throw new Error(`the inspector lists no ${workerName}: ${JSON.stringify(targets)}`);
  const ws = new WebSocket(target.webSocketDebuggerUrl, { maxPayload: 0 });
  await once(ws, "open");
  const waiting = new Map<number, (reply: Reply) => void>();
  ws.on("message", (data: Buffer) => {
    const reply = JSON.parse(data.toString()) as Reply;
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
  });
  const call = async (method: string, params: object = {}) => {
    const id = waiting.size + 1;
    const replied = new Promise<Reply>((resolve) => waiting.set(id, resolve));
    ws.send(JSON.stringify({ id, method, params }));
    const reply = await replied;
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result;
  };
  try {
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: SAMPLING_INTERVAL_US });
    await call("Profiler.start");
    await work();
    const stopped = await call("Profiler.stop");
    if (stopped?.profile === undefined) throw new Error("the inspector gave no profile");
    return stopped.profile;
  } finally {
    ws.terminate();
  }
}
