/** Bytes of a log file, plain or gzip: reading from an offset of the uncompressed content, and saying what is damaged. */
import { open, type FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { FabricError } from "../base/errors.ts";

const CHUNK_BYTES = 256 * 1024;
const GZIP_PIECE_BYTES = 64 * 1024;

/** A gzip file is damaged behind the bytes that were read. */
export class DamagedGzip extends Error {
  override readonly name = "DamagedGzip";
}

export interface FileFacts {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  /** Bytes on disk. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly isGzip: boolean;
}

/** What the file is now. Throws `not_found` when it cannot be read, and for what is no file. */
export async function factsOf(path: string): Promise<FileFacts> {
  const handle = await open(path).catch((cause: unknown) => unreadable(path, cause));
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new FabricError("not_found", `${path} is not a file`);
    const { dev, ino, size, mtimeMs } = stat;
    const magic = new Uint8Array(2);
    const { bytesRead } = await handle.read(magic, 0, 2, 0);
    return {
      path,
      dev,
      ino,
      size,
      mtimeMs,
      isGzip: bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b,
    };
  } finally {
    await handle.close();
  }
}

function unreadable(path: string, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new FabricError("not_found", `cannot read ${path}: ${reason}`, { cause });
}

/**
 * The content from `offset` on, up to the size that the file had when `facts` were taken. `onProgress` hears how many
 * bytes of the file itself have been read. Throws `DamagedGzip` behind the last good byte.
 */
export async function* contentOf(
  facts: FileFacts,
  offset: number,
  onProgress: (fileBytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  if (facts.isGzip) yield* gunzipped(facts, offset, onProgress);
  else yield* plain(facts, offset, onProgress);
}

async function* plain(
  facts: FileFacts,
  offset: number,
  onProgress: (fileBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const handle: FileHandle = await open(facts.path);
  try {
    for (let at = offset; at < facts.size;) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, facts.size - at));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      onProgress(at);
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/**
 * zlib drops what it decoded in the call that failed. So the piece that fails is read a second time, byte by byte, and
 * nothing in front of the damage is lost.
 */
async function* gunzipped(
  facts: FileFacts,
  offset: number,
  onProgress: (fileBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let at = offset;
  let carefulFrom = Infinity;
  for (;;) {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    try {
      for await (const chunk of inflate(facts, gunzip, at, carefulFrom, onProgress)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (cause) {
      if (!isZlibError(cause)) throw cause;
      if (carefulFrom < Infinity || cause.code === "Z_BUF_ERROR") {
        const message = `the gzip is damaged behind byte ${at} of its content: ${cause.message}`;
        throw new DamagedGzip(message, { cause });
      }
      carefulFrom = gunzip.bytesWritten;
    }
  }
}

/** The content from `offset` on; everything before it is decompressed and dropped. */
async function* inflate(
  facts: FileFacts,
  gunzip: Gunzip,
  offset: number,
  carefulFrom: number,
  onProgress: (fileBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = Readable.from(gzipPieces(facts, carefulFrom), { highWaterMark: 1 });
  file.on("error", (error) => gunzip.destroy(error));
  try {
    let at = 0;
    for await (const piece of file.pipe(gunzip) as AsyncIterable<Uint8Array>) {
      onProgress(gunzip.bytesWritten);
      const skip = Math.min(piece.length, Math.max(0, offset - at));
      at += piece.length;
      if (skip < piece.length) yield piece.subarray(skip);
    }
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

/** The file's own bytes; from `carefulFrom` on, for the length of a piece, one at a time. */
async function* gzipPieces(facts: FileFacts, carefulFrom: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of plain(facts, 0, () => {})) {
    for (let from = 0; from < chunk.length;) {
      const isCareful = at >= carefulFrom && at < carefulFrom + GZIP_PIECE_BYTES;
      const untilCareful = at < carefulFrom ? carefulFrom - at : Infinity;
      const length = isCareful ? 1 : Math.min(GZIP_PIECE_BYTES, untilCareful, chunk.length - from);
      yield chunk.subarray(from, from + length);
      from += length;
      at += length;
    }
  }
}

function isZlibError(error: unknown): error is Error & { readonly code: unknown } {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}
