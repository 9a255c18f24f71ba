/** The shipper's ways to the fabric: its link over the SDK's client, and the flush over HTTP. */
import { setTimeout as sleep } from "node:timers/promises";
import { ERROR_CODES, FabricError } from "../base/errors.ts";
import { Client } from "../sdk/client.ts";
import type { LogLink, LogLinkEvents, OpenLogLink } from "../sdk/log-link.ts";
import { request, type Target } from "./target.ts";

const RETRY_MS = 250;
/** Streams named in one request for a flush: a URL may not grow without bound. */
const FLUSH_STREAMS = 50;

/**
 * A link to the fabric. The client gives up when its first connection fails; the link tries again, because a fabric
 * that restarts is no reason to stop a shipper. What cannot be mended (a refused token) ends it.
 */
export function linkTo(target: Target): OpenLogLink {
  return (events) => {
    let client: Client | undefined;
    let isClosed = false;
    const run = async () => {
      while (!isClosed) {
        try {
          await (client = listen(target, events)).opened;
          return;
        } catch (error) {
          if (!(error instanceof FabricError)) throw error;
          if (!ERROR_CODES[error.code].retryable) return events.closed(error);
          events.lost(error.message);
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

function listen({ url, token }: Target, events: LogLinkEvents): Client {
  const client = new Client(url, { token });
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
  target: Target,
  streams: readonly string[],
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const giveUpMs = Date.now() + patienceMs;
  for (let at = 0; at < streams.length;) {
    const some = streams.slice(at, at + FLUSH_STREAMS);
    try {
      await request(
        target,
        "POST",
        `/v1/logs/flush?${new URLSearchParams(some.map((s) => ["stream", s])).toString()}`,
      );
      at += FLUSH_STREAMS;
    } catch (error) {
      const isRetryable = error instanceof FabricError && ERROR_CODES[error.code].retryable;
      if (!isRetryable || Date.now() >= giveUpMs) throw error;
      await sleep(RETRY_MS, undefined, { signal });
    }
    signal.throwIfAborted();
  }
}
