/** When records of a log stream are sent. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { RecordBuffer } from "../../../src/logs/record-buffer.ts";

const { logFlushRecords, logFlushMs, shipSegmentBytes } = LIMITS;

describe("records that wait to be sent together", () => {
  it("are sent when the stream has Zeek's 400, whatever other streams have", () => {
    const buffer = new RecordBuffer<number>();
    const full = Array.from({ length: logFlushRecords }, (_, i) => {
      buffer.add("other", i, 1, 0);
      return buffer.add("conn", i, 1, 0);
    });
    expect(full.slice(0, -1)).not.toContain(true);
    expect(full.at(-1)).toBe(true);
    expect(logFlushRecords).toBe(400);
    expect(buffer.take("conn")).toEqual(Array.from({ length: logFlushRecords }, (_, i) => i));
    expect(buffer.streams).toEqual(["other"]);
    expect(buffer.take("conn")).toEqual([]);
  });

  it("or the bytes of a batch", () => {
    const buffer = new RecordBuffer<number>();
    expect(buffer.add("conn", 1, shipSegmentBytes - 1, 0)).toBe(false);
    expect(buffer.add("conn", 2, 1, 0)).toBe(true);
  });

  it("or when the oldest has waited for a second; a stream that was taken begins anew", () => {
    const buffer = new RecordBuffer<string>();
    expect(buffer.dueMs).toBeUndefined();
    buffer.add("conn", "a", 1, 100);
    buffer.add("dns", "b", 1, 200);
    buffer.add("conn", "c", 1, 300);
    expect(buffer.dueMs).toBe(100 + logFlushMs);
    expect(buffer.due(100 + logFlushMs - 1)).toEqual([]);
    expect(buffer.due(100 + logFlushMs)).toEqual(["conn"]);
    expect(buffer.due(200 + logFlushMs)).toEqual(["conn", "dns"]);
    expect(buffer.take("conn")).toEqual(["a", "c"]);
    buffer.add("conn", "d", 1, 900);
    expect(buffer.dueMs).toBe(200 + logFlushMs);
    expect(logFlushMs).toBe(1_000);
  });
});
