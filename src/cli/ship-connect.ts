/** The shipper's ways to the fabric: its link over the SDK's client, and the flush over HTTP. */
import { setTimeout as sleep } from "node:timers/promises";
import { ERROR_CODES, FabricError, isErrorCode } from "../base/errors.ts";
import { Client, type ConnectOptions } from "../sdk/client.ts";
import type { LogLink, LogLinkEvents, OpenLogLink } from "./ship-link.ts";

const RETRY_MS = 250;
/** Streams named in one request for a flush: a URL may not grow without bound. */
const FLUSH_STREAMS = 50;

/**
 * A link to the fabric. The client gives up when its first connection fails; the link tries again, because a fabric
 * that restarts is no reason to stop a shipper. What cannot be mended (a refused token) ends it.
 */
export function linkTo(options: ConnectOptions): OpenLogLink {
  return (events) => {
    let client: Client | undefined;
    let isClosed = false;
    const run = async () => {
      while (!isClosed) {
        try {
          await (client = listen(options, events)).opened;
          return;
        } catch (error) {
          if (!(error instanceof FabricError)) throw error;
          if (!ERROR_CODES[error.code].retryable) return events.closed(error);
        }
        await sleep(RETRY_MS);
      }
    };
    void run();
    return {
      send: (frame) => {
        if (frame.type === "logBatch") client?.sendLog(frame);
        else client?.resumeLog(frame);
      },
      close: () => {
        isClosed = true;
        client?.abort();
      },
    } satisfies LogLink;
  };
}

function listen(options: ConnectOptions, events: LogLinkEvents): Client {
  const client = new Client(options);
  let wasOpen = false;
  client.on("welcome", ({ loggers }) => {
    wasOpen = true;
    events.welcome(loggers);
  });
  client.on("lost", () => events.lost());
  client.on("logAck", (frame) => events.logAck(frame));
  client.on("logRefused", (frame) => events.logRefused(frame));
  client.on("close", (error) => {
    if (wasOpen) events.closed(error);
  });
  return client;
}

/**
 * Waits until R2 holds everything of the streams. Tries again for `patienceMs` while the fabric is unavailable; throws
 * its refusal otherwise, and the signal's reason when it is aborted.
 */
export async function flushStreams(
  { url, token }: ConnectOptions,
  streams: readonly string[],
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const giveUpMs = Date.now() + patienceMs;
  for (let at = 0; at < streams.length; at += FLUSH_STREAMS) {
    const target = new URL("/v1/logs/flush", url);
    for (const stream of streams.slice(at, at + FLUSH_STREAMS)) target.searchParams.append("stream", stream);
    for (;;) {
      const refusal = await post(target, { method: "POST", headers, signal });
      if (refusal === undefined) break;
      if (!ERROR_CODES[refusal.code].retryable || Date.now() >= giveUpMs) throw refusal;
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}

/** Undefined when the fabric did it, or why not. */
async function post(target: URL, request: RequestInit): Promise<FabricError | undefined> {
  try {
    const response = await fetch(target, request);
    const text = await response.text();
    return response.ok ? undefined : refusalOf(response.status, text);
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    return new FabricError("unavailable", `the flush was not answered by ${target.origin}`, { cause });
  }
}

function refusalOf(status: number, text: string): FabricError {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const code = typeof error?.code === "string" && isErrorCode(error.code) ? error.code : undefined;
    if (code !== undefined) return new FabricError(code, `flush: ${String(error?.message)}`);
  } catch {
    // Not the fabric's own answer: a proxy's, or an older version's. Its status tells enough.
  }
  return new FabricError(
    status >= 500 ? "unavailable" : "backend_failure",
    `the flush was answered with ${status}`,
  );
}
