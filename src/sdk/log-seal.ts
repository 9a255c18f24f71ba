/** Lines as log batches: gzip by the platform's streams, which browsers have too, and the hash. */
import { LIMITS } from "../base/limits.ts";
import type { LogRange } from "../protocol/frame.ts";
import type { SealedPart } from "./ship-writer.ts";

/** Lines of one stream; `logger` is the one that should have them, if any. */
export interface LogLines {
  readonly stream: string;
  /** Without newlines; at least one. */
  readonly lines: readonly string[];
  readonly logger?: string | undefined;
}

/** The gzip member of some lines. */
async function gzipLines(lines: readonly string[]): Promise<Uint8Array> {
  const text = new Blob(lines.map((line) => `${line}\n`)).stream();
  return new Uint8Array(await new Response(text.pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
}

/** SHA-256. */
export async function hashOf(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

/** The batches of the lines: one, or more when they compress badly. */
export async function sealLines({ stream, lines, logger }: LogLines, range: LogRange): Promise<SealedPart[]> {
  const bytes = await gzipLines(lines);
  if (bytes.length > LIMITS.logBatchBytesMax && lines.length > 1) {
    const middle = lines.length >> 1;
    const halves = [lines.slice(0, middle), lines.slice(middle)];
    const parts = await Promise.all(
      halves.map(async (half) => sealLines({ stream, lines: half, logger }, range)),
    );
    return parts.flat();
  }
  const batch = {
    stream,
    records: lines.length,
    hash: await hashOf(bytes),
    size: bytes.length,
    range,
    logger,
  };
  return [{ batch, bytes }];
}
