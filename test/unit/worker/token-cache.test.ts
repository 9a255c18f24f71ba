import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import { TokenCache } from "../../../src/worker/token-cache.ts";

const verified = (expiresMs = Infinity) => ({ grant: FULL_GRANT, expiresMs });

test("a token is known until the moment it expires", () => {
  const cache = new TokenCache();
  cache.add("t", verified(1_000));
  expect(cache.get("t", 999)).toBe(FULL_GRANT);
  expect(cache.get("t", 1_000)).toBeUndefined();
});

test("tokenCacheMax tokens are known; one more takes the place of the first", () => {
  const cache = new TokenCache();
  for (let i = 0; i < LIMITS.tokenCacheMax; i++) cache.add(`t${i}`, verified());
  expect(cache.get("t0", 0)).toBe(FULL_GRANT);
  cache.add("another", verified());
  expect(cache.get("t0", 0)).toBeUndefined();
  expect(cache.get("t1", 0)).toBe(FULL_GRANT);
  expect(cache.get("another", 0)).toBe(FULL_GRANT);
});

test("other keys make it forget everything", () => {
  const cache = new TokenCache();
  cache.useKeys("a");
  cache.add("t", verified());
  cache.useKeys("a");
  expect(cache.get("t", 0)).toBe(FULL_GRANT);
  cache.useKeys("b");
  expect(cache.get("t", 0)).toBeUndefined();
});
