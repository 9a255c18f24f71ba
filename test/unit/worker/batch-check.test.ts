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
    expect(codeOf(batchOf("{}\n{}", { records: 2 }))).toBe("invalid_batch");
    expect(codeOf(batchOf("{}\n\n{}\n", { records: 3 }))).toBe("invalid_batch");
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
    // Stored, not compressed, in two records: the size is known.
    const sized = (size: number) => {
      const one = (length: number) => {
        const half = `{${" ".repeat(length >> 1)}}\n`;
        const rest = `{${" ".repeat(length - half.length - 3)}}\n`;
        return new Uint8Array(gzipSync(half + rest, { level: constants.Z_NO_COMPRESSION }));
      };
      return one(size - (one(size).length - size));
    };
    const at = sized(LIMITS.logBatchBytesMax);
    expect(at.length).toBe(LIMITS.logBatchBytesMax);
    expect(codeOf(batchOf("{}\n{}\n", { bytes: at }))).toBe("ok");
    const past = new Uint8Array(LIMITS.logBatchBytesMax + 1);
    expect(codeOf(batchOf("{}\n", { bytes: past }))).toBe("too_large");
  });

  it("holds records of at most logRecordBytesMax bytes", () => {
    const record = (length: number) => batchOf(`{}\n{${" ".repeat(length - 2)}}\n`);
    expect(codeOf(record(LIMITS.logRecordBytesMax))).toBe("ok");
    expect(() => checkBatch(record(LIMITS.logRecordBytesMax + 1))).toThrow(/record 2 has more than/);
  });

  it.each(["[1]", "nonsense", "{}\r", " {}", "{} ", "{", "}", '{"a":1'])(
    "is refused for a record that does not begin and end as a JSON object: %j",
    (line) => {
      expect(() => checkBatch(batchOf(`{}\n${line}\n{}\n`))).toThrow(/record 2 is no JSON object/);
    },
  );

  it("has at most logBatchRecordsMax records", () => {
    const many = (n: number) => batchOf(Array.from({ length: n }, (_, i) => `{"n":${i * 7919}}\n`).join(""));
    expect(codeOf(many(LIMITS.logBatchRecordsMax))).toBe("ok");
    expect(codeOf(many(LIMITS.logBatchRecordsMax + 1))).toBe("too_large");
  });

  it("inflates to what its size allows and not to a byte more", () => {
    const record = (bytes: number) => `{${" ".repeat(bytes - 3)}}\n`;
    const zeros = (size: number) =>
      batchOf(record(1024).repeat((size >> 10) - 1) + record(1024 + (size % 1024)));
    const free = LIMITS.logBatchRatioFreeBytes;
    expect(codeOf(zeros(free))).toBe("ok");
    expect(() => checkBatch(zeros(free + 1))).toThrow(/inflates to more than/);
    const size = free / LIMITS.logBatchRatioMax;
    expect(inflatedBytesMax(size)).toBe(free);
    expect(inflatedBytesMax(size + 1)).toBe(free + LIMITS.logBatchRatioMax);
    expect(inflatedBytesMax(LIMITS.logBatchBytesMax)).toBe(LIMITS.logBatchInflatedBytesMax);
  });
});

describe("L-3 a chunk of a file", () => {
  const chunk = (fields: Partial<LogBatchFrame>) =>
    batchOf("", { stream: "files/a", records: 1, bytes: Uint8Array.of(0, 255), ...fields });

  it("is any bytes, whole and one", () => {
    expect(codeOf(chunk({}))).toBe("ok");
    expect(codeOf(chunk({ records: 2 }))).toBe("invalid_batch");
    expect(codeOf(chunk({ hash: new Uint8Array(32) }))).toBe("invalid_batch");
  });

  it("has the bytes of a batch at most, and a path that may be", () => {
    expect(codeOf(chunk({ bytes: new Uint8Array(LIMITS.logBatchBytesMax) }))).toBe("ok");
    expect(codeOf(chunk({ bytes: new Uint8Array(LIMITS.logBatchBytesMax + 1) }))).toBe("too_large");
    expect(codeOf(chunk({ stream: "files/a/../b" }))).toBe("invalid_data");
    expect(codeOf(chunk({ stream: "files/" }))).toBe("invalid_data");
  });
});
