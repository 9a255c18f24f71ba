import { constants, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { LogBatchFrame } from "../../../src/protocol/frame.ts";
import { checkBatch, inflatedBytesMax } from "../../../src/worker/batch-check.ts";
import { batchOf, lines } from "../../support/log-batch.ts";

function codeOf(frame: LogBatchFrame): string {
  try {
    checkBatch(frame);
    return "ok";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const gz = (text: string | Uint8Array) => new Uint8Array(gzipSync(text));
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const text = lines("x", 5);

describe("[R19] a log batch", () => {
  it("is whole gzip of complete lines, in one member or several", () => {
    expect(codeOf(batchOf(text))).toBe("ok");
    expect(codeOf(batchOf(text + text, { bytes: join(gz(text), gz(text)) }))).toBe("ok");
  });

  it("is refused when the records are not those claimed, at both sides", () => {
    expect(codeOf(batchOf(text, { records: 4 }))).toBe("invalid_batch");
    expect(codeOf(batchOf(text, { records: 6 }))).toBe("invalid_batch");
  });

  it("is refused without a final newline, with an empty record, and with no record", () => {
    expect(codeOf(batchOf("a\nb", { records: 2 }))).toBe("invalid_batch");
    expect(codeOf(batchOf("a\n\nb\n", { records: 3 }))).toBe("invalid_batch");
    expect(codeOf(batchOf("\n", { records: 1 }))).toBe("invalid_batch");
    expect(codeOf(batchOf("", { records: 0 }))).toBe("invalid_batch");
  });

  it("is refused when its bytes are truncated, damaged, no gzip, or nothing", () => {
    const whole = gz(text);
    const damaged = whole.slice();
    damaged[damaged.length - 6]! ^= 1;
    for (const bytes of [whole.subarray(0, -3), damaged, new Uint8Array([1, 2, 3]), new Uint8Array(0)]) {
      expect(codeOf(batchOf(text, { bytes }))).toBe("invalid_batch");
    }
  });

  it("is refused when anything follows its last member: readers would stop there", () => {
    const zeros = new Uint8Array(8);
    expect(codeOf(batchOf(text, { bytes: join(gz(text), zeros) }))).toBe("invalid_batch");
    expect(codeOf(batchOf(text, { bytes: join(gz(text), zeros, gz(text)) }))).toBe("invalid_batch");
    expect(codeOf(batchOf(text, { bytes: join(gz(text), new Uint8Array([0x1f])) }))).toBe("invalid_batch");
    expect(codeOf(batchOf(text, { bytes: join(gz(text), new Uint8Array([65, 66])) }))).toBe("invalid_batch");
  });

  it("is refused when its hash is another's", () => {
    expect(codeOf(batchOf(text, { hash: new Uint8Array(32) }))).toBe("invalid_batch");
  });

  it("is refused when its stream name could leave its folder", () => {
    expect(codeOf(batchOf(text, { stream: "../conn" }))).toBe("invalid_data");
  });

  it("names a source of at most logSourceBytesMax bytes", () => {
    const from = (source: string) => batchOf(text, { range: { source, from: 0, to: 1 } });
    const wide = "\u20ac".repeat(LIMITS.logSourceBytesMax / 4);
    const at = `${wide}${"s".repeat(LIMITS.logSourceBytesMax / 4)}`;
    expect(codeOf(from(at))).toBe("ok");
    expect(codeOf(from(`${at}s`))).toBe("too_large");
    expect(codeOf(from("s".repeat(LIMITS.logSourceBytesMax)))).toBe("ok");
    expect(codeOf(from("s".repeat(LIMITS.logSourceBytesMax + 1)))).toBe("too_large");
  });

  it("has at most logBatchBytesMax bytes", () => {
    // Stored, not compressed: the size is known.
    const sized = (size: number) => {
      const one = (length: number) =>
        new Uint8Array(gzipSync(`${"r".repeat(length - 1)}\n`, { level: constants.Z_NO_COMPRESSION }));
      return one(size - (one(size).length - size));
    };
    const at = sized(LIMITS.logBatchBytesMax);
    expect(at.length).toBe(LIMITS.logBatchBytesMax);
    expect(codeOf(batchOf("r\n", { bytes: at }))).toBe("ok");
    expect(codeOf(batchOf("r\n", { bytes: new Uint8Array(LIMITS.logBatchBytesMax + 1) }))).toBe("too_large");
  });

  it("has at most logBatchRecordsMax records", () => {
    const many = (n: number) => batchOf(Array.from({ length: n }, (_, i) => `${i * 7919}\n`).join(""));
    expect(codeOf(many(LIMITS.logBatchRecordsMax))).toBe("ok");
    expect(codeOf(many(LIMITS.logBatchRecordsMax + 1))).toBe("too_large");
  });

  it("inflates to what its size allows and not to a byte more", () => {
    const zeros = (size: number) => batchOf(`${"0".repeat(size - 1)}\n`);
    const free = LIMITS.logBatchRatioFreeBytes;
    expect(codeOf(zeros(free))).toBe("ok");
    expect(() => checkBatch(zeros(free + 1))).toThrow(/inflates to more than/);
    const size = free / LIMITS.logBatchRatioMax;
    expect(inflatedBytesMax(size)).toBe(free);
    expect(inflatedBytesMax(size + 1)).toBe(free + LIMITS.logBatchRatioMax);
    expect(inflatedBytesMax(LIMITS.logBatchBytesMax)).toBe(LIMITS.logBatchInflatedBytesMax);
  });
});
