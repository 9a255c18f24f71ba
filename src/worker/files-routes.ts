/** The HTTP answers about files that programs write in chunks (src/logs/file-stream.ts): listing and reading. */
import { FabricError } from "../base/errors.ts";
import { filePath, fileStream, isFileStream } from "../logs/file-stream.ts";
import { FILE_STREAMS, mayLog, type Grant } from "../protocol/grant.ts";
import { ask, batchBytes, jsonLines, loggers, streamed, type LogEnv } from "./log-reading.ts";

/** Consecutive chunks of a file at one logger: an object in R2, or chunks that no object holds yet. */
interface Part {
  readonly path: string;
  readonly logger: string;
  readonly key: string | null;
  readonly bytes: number;
  readonly chunks: number;
  readonly buffered: boolean;
  readonly sinceMs: number;
  readonly first: number;
  readonly last: number;
}

/**
 * `GET /v1/files`: a JSON array with one object for each part of the files that the grant allows: {path, logger, key,
 * bytes, chunks, buffered, since}. `key` is null for chunks that no object holds yet, `since` is when the first of them
 * was accepted, in RFC 3339.
 */
export function listFiles(env: LogEnv, grant: Grant): Response {
  const encoder = new TextEncoder();
  return streamed(jsonLines(listed(env, grant)), "application/json", (line) => encoder.encode(line));
}

/**
 * `GET /v1/files/PATH`: the bytes of the file, as far as they were acknowledged when the request came. Throws
 * `forbidden`, `invalid_data`, and `not_found` when there is no such file.
 */
export async function readFile(env: LogEnv, grant: Grant, encodedPath: string): Promise<Response> {
  const name = fileStream(decoded(encodedPath));
  if (!mayLog(grant, name)) throw new FabricError("forbidden", "the token does not grant this file");
  const parts: Part[] = [];
  for (const logger of loggers(env)) for await (const part of partsOf(env, logger, name)) parts.push(part);
  if (parts.length === 0) throw new FabricError("not_found", `there is no file ${filePath(name)}`);
  return streamed(bytesOf(env, name, parts), "application/octet-stream", (bytes) => bytes);
}

async function* listed(env: LogEnv, grant: Grant): AsyncGenerator<object> {
  for (const logger of loggers(env)) {
    for await (const { path, key, bytes, chunks, buffered, sinceMs } of partsOf(env, logger, undefined)) {
      if (!mayLog(grant, FILE_STREAMS + path)) continue;
      yield { path, logger, key, bytes, chunks, buffered, since: new Date(sinceMs).toISOString() };
    }
  }
}

/** The parts of one file, or of all, that a logger has. */
async function* partsOf(env: LogEnv, logger: string, only: string | undefined): AsyncGenerator<Part> {
  // Names of files lie together in the manifest: it is read from the first of them to the last.
  let from: { stream: string; after: number } | undefined =
    only === undefined ? { stream: FILE_STREAMS, after: 0 } : undefined;
  do {
    using page = await ask(env, logger, async (stub) => stub.manifest(only, from));
    for (const { stream, key, bytes, batches: chunks, buffered, sinceMs, first, last } of page.entries) {
      if (!isFileStream(stream)) return;
      yield { path: filePath(stream), logger, key, bytes, chunks, buffered, sinceMs, first, last };
    }
    from = page.next === undefined ? undefined : { ...page.next };
  } while (from !== undefined);
}

/** In the order of acceptance, over all loggers; within one logger numbers tell it. */
async function* bytesOf(env: LogEnv, name: string, parts: readonly Part[]): AsyncGenerator<Uint8Array> {
  const inOrder = parts.toSorted((a, b) => a.sinceMs - b.sinceMs || a.first - b.first);
  for (const { logger, first, last } of inOrder) {
    yield* batchBytes(env, name, { logger, after: first - 1, upTo: last });
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new FabricError("invalid_data", "the path of a file is UTF-8, percent-encoded");
  }
}
