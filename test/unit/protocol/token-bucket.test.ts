import { describe, expect, test } from "vitest";
import { TokenBucket } from "../../../src/protocol/token-bucket.ts";

describe("TokenBucket", () => {
  test("R14 gives its burst exactly", () => {
    const bucket = new TokenBucket(1_000, 10, 0);
    expect([bucket.take(4, 0), bucket.take(6, 0), bucket.take(1, 0)]).toEqual([true, true, false]);
  });

  test("R14 gains with time, up to the burst", () => {
    const bucket = new TokenBucket(1_000, 10, 0);
    bucket.take(10, 0);
    expect([bucket.take(4, 3), bucket.take(4, 4)]).toEqual([false, true]);
    expect([bucket.take(11, 1_000_000), bucket.take(10, 1_000_000)]).toEqual([false, true]);
  });

  test("a refusal takes nothing", () => {
    const bucket = new TokenBucket(1, 10, 0);
    expect([bucket.take(11, 0), bucket.take(10, 0)]).toEqual([false, true]);
  });

  test("a clock that goes back gives nothing", () => {
    const bucket = new TokenBucket(1_000, 10, 5_000);
    bucket.take(10, 5_000);
    expect(bucket.take(1, 1_000)).toBe(false);
  });
});
