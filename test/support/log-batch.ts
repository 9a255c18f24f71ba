/** Log batches as a writer makes them, for tests in Node and in workerd. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { LogBatchFrame } from "../../src/protocol/frame.ts";

/** A writer instance from a small number. */
export function writerId(n: number): string {
  return String.fromCharCode(n & 0xff, (n >> 8) & 0xff).padEnd(16, "w");
}

/** `count` records of one line each, distinct over all numbers and writers. */
export function lines(tag: string, count: number): string {
  return Array.from({ length: count }, (_, i) => `{"tag":"${tag}","i":${i}}\n`).join("");
}

/** A batch frame of the text, gzipped; `fields` override what follows from it. */
export function batchOf(text: string, fields: Partial<LogBatchFrame> = {}): LogBatchFrame {
  const bytes = fields.bytes ?? new Uint8Array(gzipSync(text));
  return {
    type: "logBatch",
    logger: "logger-1",
    writer: writerId(1),
    birthMs: Date.now(),
    number: 1,
    stream: "conn",
    records: text.split("\n").length - 1,
    hash: new Uint8Array(createHash("sha256").update(bytes).digest()),
    range: undefined,
    bytes,
    ...fields,
  };
}
