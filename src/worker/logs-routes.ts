/**
 * The HTTP answers about logs: listing, reading, figures and flush. Each takes the environment and the caller's grant;
 * app.ts mounts them. They ask the loggers of the layout, disabled ones included, and follow their manifests.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { isFileStream, parseBatchStream } from "../logs/file-stream.ts";
import { parseStreamName } from "../logs/stream-name.ts";
import { mayLog, type Grant } from "../protocol/grant.ts";
import { ask, batchBytes, jsonLines, loggers, streamed, type LogEnv } from "./log-reading.ts";

/**
 * `GET /v1/logs`: a JSON array with one object for each R2 object and each run of buffered batches of the streams that
 * the grant allows: {stream, key, logger, records, bytes, batches, buffered, hour}. `key` is null for batches that no
 * object holds yet, `bytes` are of gzip, `hour` is the hour of acceptance in RFC 3339.
 */
export function listLogs(env: LogEnv, grant: Grant): Response {
  const encoder = new TextEncoder();
  return streamed(jsonLines(entries(env, grant)), "application/json", (line) => encoder.encode(line));
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
  return streamed(after(first.value, pieces), "application/gzip", (bytes) => bytes);
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
  const names = [...new Set(streams)].map(parseBatchStream);
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

async function* entries(env: LogEnv, grant: Grant): AsyncGenerator<object> {
  for (const logger of loggers(env)) {
    let from: { stream: string; after: number } | undefined;
    do {
      using page = await ask(env, logger, async (stub) => stub.manifest(undefined, from));
      for (const { stream: name, key, records: count, bytes, batches, buffered, hourMs } of page.entries) {
        if (isFileStream(name) || !mayLog(grant, name)) continue;
        const hour = new Date(hourMs).toISOString();
        yield { stream: name, key, logger, records: count, bytes, batches, buffered, hour };
      }
      from = page.next === undefined ? undefined : { ...page.next };
    } while (from !== undefined);
  }
}

async function* records(
  env: LogEnv,
  name: string,
  marks: readonly { logger: string; upTo: number }[],
): AsyncGenerator<Uint8Array> {
  for (const { logger, upTo } of marks) yield* batchBytes(env, name, { logger, after: 0, upTo });
}

async function* after<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}
