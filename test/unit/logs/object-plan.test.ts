import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { BufferedBatch } from "../../../src/logs/batch-buffer.ts";
import { objectMetadata, offsetAfter, planObject } from "../../../src/logs/object-plan.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";

const batch = (id: number, length: number, fields: Partial<BufferedBatch> = {}): BufferedBatch => ({
  id,
  stream: parseStreamName("conn"),
  hourMs: 0,
  receivedMs: 0,
  records: 2,
  length,
  ...fields,
});

describe("[R20] the plan of an object", () => {
  it("fixes key, range, length and members", () => {
    expect(planObject("l", [batch(3, 10), batch(7, 20)])).toEqual({
      key: "logs/conn/date=1970-01-01/hour=00/l-3-7.ndjson.gz",
      stream: "conn",
      hourMs: 0,
      first: 3,
      last: 7,
      length: 30,
      records: 4,
      members: [
        { id: 3, length: 10, records: 2 },
        { id: 7, length: 20, records: 2 },
      ],
    });
  });

  it("is never of two streams, of two hours, or of nothing", () => {
    expect(() => planObject("l", [])).toThrow("at least one batch");
    expect(() => planObject("l", [batch(1, 1), batch(2, 1, { hourMs: 3_600_000 })])).toThrow("one hour");
    expect(() => planObject("l", [batch(1, 1), batch(2, 1, { stream: parseStreamName("dns") })])).toThrow(
      "one stream",
    );
  });

  it("[R21] knows where the members behind a batch start", () => {
    const { members } = planObject("l", [batch(3, 10), batch(7, 20), batch(8, 5)]);
    expect([0, 2, 3, 6, 7, 8, 99].map((after) => offsetAfter(members, after))).toEqual([
      0, 0, 10, 10, 30, 35, 35,
    ]);
  });

  it("[R21] lists its members' lengths beside the object, up to logObjectMetadataBytesMax bytes", () => {
    // "100," is four bytes and the last one has no comma, so a last length of four digits meets the bound.
    const count = LIMITS.logObjectMetadataBytesMax / 4;
    const membersOf = (lastLength: number) => {
      const run = Array.from({ length: count }, (_, i) => batch(i + 1, i + 1 < count ? 100 : lastLength));
      return objectMetadata(planObject("l", run))["members"];
    };
    expect(membersOf(1_000)).toHaveLength(LIMITS.logObjectMetadataBytesMax);
    expect(membersOf(10_000)).toBeUndefined();
  });
});
