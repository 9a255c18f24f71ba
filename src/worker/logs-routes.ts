/**
 * The HTTP answers about logs: listing, reading, figures and flush. Each takes the environment and the caller's grant;
 * app.ts mounts them. They ask the loggers of the layout, disabled ones included, and follow their manifests.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { parseStreamName } from "../logs/stream-name.ts";
import { mayLog, type Grant } from "../protocol/grant.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";

type LogEnv = Pick<FabricEnv, "LOGGER" | "LOGS" | "LAYOUT">;

/**
 * `GET /v1/logs`: a JSON array with one object for each R2 object and each run of buffered batches of the streams that
 * the grant allows: {stream, key, logger, records, bytes, batches, buffered, hour}. `key` is null for batches that no
 * object holds yet, `bytes` are of gzip, `hour` is the hour of acceptance in RFC 3339.
 */
export function listLogs(env: LogEnv, grant: Grant): Response {
  const encoder = new TextEncoder();
  return stream(jsonLines(env, grant), "application/json", (line) => encoder.encode(line));
}

/**
 * `GET /v1/logs/:stream/records`: all records of the stream as one gzip body of many members, objects and buffered
 * batches alike, logger by logger and within one in the order of acceptance: what was acknowledged when the request
 * came, each record once. Throws `forbidden`, `invalid_data`, and `not_found` when there is no such stream.
 */
export async function readLogRecords(env: LogEnv, grant: Grant, name: string): Promise<Response> {
  const streamName = parseStreamName(name);
  if (!mayLog(grant, streamName))
    throw new FabricError("forbidden", "the token does not grant this log stream");
  const marks = await Promise.all(
    loggers(env).map(async (logger) => {
      const { lastId } = await ask(env, logger, async (stub) => stub.stat());
      return { logger, upTo: lastId };
    }),
  );
  const pieces = records(env, streamName, marks);
  const first = await pieces.next();
  if (first.done === true) throw new FabricError("not_found", `no records of stream ${streamName}`);
  return stream(after(first.value, pieces), "application/gzip", (bytes) => bytes);
}

/** `GET /v1/logs/stat`: a JSON array with the figures of each logger (LoggerStat). Throws `forbidden`. */
export async function statLogs(env: LogEnv, grant: Grant): Promise<Response> {
  if (grant.logs.length === 0 && !grant.admin)
    throw new FabricError("forbidden", "the token grants no log streams");
  return Response.json(
    await Promise.all(loggers(env).map(async (logger) => ask(env, logger, async (stub) => stub.stat()))),
  );
}

/**
 * `POST /v1/logs/flush`, `?stream=` once for each stream, or without for all, which is the operator's: brings to R2
 * what is buffered and answers {"pending": 0} when it is there. Throws `forbidden`, `invalid_data`, `too_many`, and `unavailable`
 * when R2 did not take all in time; the loggers go on trying.
 */
export async function flushLogs(env: LogEnv, grant: Grant, streams: readonly string[]): Promise<Response> {
  const names = [...new Set(streams)].map(parseStreamName);
  if (names.length > LIMITS.flushStreamsMax) {
    throw new FabricError("too_many", `at most ${LIMITS.flushStreamsMax} streams are flushed at once`);
  }
  const isAllowed = names.length === 0 ? grant.admin : names.every((name) => mayLog(grant, name));
  if (!isAllowed) throw new FabricError("forbidden", "the token does not grant a flush of these streams");
  const answers = await Promise.all(
    loggers(env).map(async (logger) => ask(env, logger, async (stub) => stub.flush(names))),
  );
  const pending = answers.reduce((sum, answer) => sum + answer.pending, 0);
  if (pending > 0) throw new FabricError("unavailable", `${pending} objects are not in R2 yet`);
  return Response.json({ pending });
}

function loggers(env: LogEnv): string[] {
  return deployedLayout(env.LAYOUT).loggers.map(({ name }) => name);
}

/** Asks a logger. Throws `unavailable` when the object fails or restarts meanwhile: it is there again at once. */
async function ask<T>(
  env: LogEnv,
  logger: string,
  question: (stub: ReturnType<LogEnv["LOGGER"]["getByName"]>) => Promise<T>,
): Promise<T> {
  try {
    return await question(env.LOGGER.getByName(logger));
  } catch (cause) {
    throw new FabricError("unavailable", `logger ${logger} did not answer`, { cause });
  }
}

async function* jsonLines(env: LogEnv, grant: Grant): AsyncGenerator<string> {
  let separator = "[";
  for (const logger of loggers(env)) {
    let from: { stream: string; after: number } | undefined;
    do {
      using page = await ask(env, logger, async (stub) => stub.manifest(undefined, from));
      for (const { stream: name, key, records: count, bytes, batches, buffered, hourMs } of page.entries) {
        if (!mayLog(grant, name)) continue;
        const hour = new Date(hourMs).toISOString();
        const line = { stream: name, key, logger, records: count, bytes, batches, buffered, hour };
        yield `${separator}${JSON.stringify(line)}`;
        separator = ",\n";
      }
      from = page.next === undefined ? undefined : { ...page.next };
    } while (from !== undefined);
  }
  yield separator === "[" ? "[]\n" : "]\n";
}

async function* records(
  env: LogEnv,
  name: string,
  marks: readonly { logger: string; upTo: number }[],
): AsyncGenerator<Uint8Array> {
  for (const { logger, upTo } of marks) {
    let after = 0;
    for (;;) {
      using units = await ask(env, logger, async (stub) => stub.read(name, after, upTo));
      if (units.length === 0) break;
      for (const unit of units) {
        if (unit.type === "batches") yield unit.bytes;
        else yield* objectBytes(env, unit);
        after = unit.last;
      }
    }
  }
}

async function* objectBytes(
  env: LogEnv,
  { key, offset, length }: { key: string; offset: number; length: number },
): AsyncGenerator<Uint8Array> {
  const object = await env.LOGS.get(key, { range: { offset, length } });
  if (object === null) throw new FabricError("backend_failure", `${key} is in the manifest and not in R2`);
  yield* object.body;
}

async function* after<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** A body that pulls, so that the reader's pace is the loggers' pace; an error on the way breaks the body off. */
function stream<T>(source: AsyncGenerator<T>, type: string, encode: (item: T) => Uint8Array): Response {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done === true) controller.close();
      else controller.enqueue(encode(value));
    },
    async cancel() {
      await source.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
}
