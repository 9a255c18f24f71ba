import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { hourOf, objectKey, parseObjectKey } from "../../../src/logs/object-key.ts";
import { isStreamName, parseStreamName } from "../../../src/logs/stream-name.ts";

const stream = parseStreamName("conn");

describe("names of log objects", () => {
  it("[R20] carry stream, date and hour of receipt, logger and batch numbers", () => {
    const hourMs = hourOf(Date.UTC(2026, 10, 20, 21, 59, 59, 999));
    expect(objectKey({ stream, hourMs, logger: "logger-1", first: 7, last: 12 })).toBe(
      "logs/conn/date=2026-11-20/hour=21/logger-1-7-12.ndjson.gz",
    );
  });

  it("have the date that the calendar has, leap years and centuries included", () => {
    for (let ms = 0; ms < Date.UTC(2105, 0, 1); ms += 86_400_000 * 13 + 3_600_000) {
      const key = objectKey({ stream, hourMs: hourOf(ms), logger: "l", first: 1, last: 1 });
      const iso = new Date(ms).toISOString();
      expect(key).toContain(`/date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}/`);
    }
    for (const iso of ["2000-02-29", "2024-02-29", "2100-02-28", "2100-03-01", "1999-12-31"]) {
      const key = objectKey({ stream, hourMs: Date.parse(iso), logger: "l", first: 1, last: 1 });
      expect(key).toContain(`date=${iso}/hour=00`);
    }
  });

  it("are parsed back, and other keys are not", () => {
    const key = "logs/files.v2/date=2026-11-20/hour=03/logger-1-7-12.ndjson.gz";
    expect(parseObjectKey(key)).toEqual({
      stream: "files.v2",
      date: "2026-11-20",
      hour: 3,
      logger: "logger-1",
      first: 7,
      last: 12,
    });
    expect(parseObjectKey("logs/conn/other.gz")).toBeUndefined();
  });
});

describe("stream names", () => {
  it("are Zeek's log paths", () => {
    for (const name of ["conn", "x509", "known_hosts", "files.v2", "a-b"])
      expect(isStreamName(name)).toBe(true);
  });

  it("cannot leave their folder", () => {
    for (const name of ["", ".", "..", ".hidden", "a..b", "a/b", "a\\b", "a b", "ü", "a\n", "date=1"]) {
      expect(isStreamName(name), name).toBe(false);
    }
  });

  it("have at most streamNameMax characters", () => {
    expect(parseStreamName("s".repeat(LIMITS.streamNameMax))).toHaveLength(LIMITS.streamNameMax);
    expect(() => parseStreamName("s".repeat(LIMITS.streamNameMax + 1))).toThrow(
      expect.objectContaining({ code: "invalid_data" }),
    );
  });
});
