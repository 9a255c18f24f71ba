import { describe, expect, test } from "vitest";
import { assert, unreachable } from "../../../src/base/assert.ts";
import { ERROR_CODES, FabricError, isErrorCode, type ErrorCode } from "../../../src/base/errors.ts";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

describe("the table of codes", () => {
  test.each(codes)("%s has a sentence, an HTTP status and a close code that may be sent", (code) => {
    const { sentence, http, close } = ERROR_CODES[code];
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
    expect([1001, 1002, 1007, 1008, 1009, 1011, 1012, 1013]).toContain(close);
  });

  test("codes are words with underscores, short enough for a close reason", () => {
    for (const code of codes) expect(code).toMatch(/^[a-z_]{1,40}$/);
  });

  test("isErrorCode knows these and nothing that objects have by themselves", () => {
    expect(codes.every(isErrorCode)).toBe(true);
    expect(["", "toString", "__proto__", "of_tomorrow"].some(isErrorCode)).toBe(false);
  });
});

describe("FabricError", () => {
  test("shows a client its code and message only", () => {
    const error = new FabricError("too_large", "why", { cause: new Error("secret"), details: { bytes: 5 } });
    expect(JSON.stringify(error)).toBe('{"code":"too_large","message":"why"}');
    expect([error.http, error.close, error.details, (error.cause as Error).message]).toEqual([
      413,
      1009,
      { bytes: 5 },
      "secret",
    ]);
  });

  test("has no cause unless given one", () => {
    expect("cause" in new FabricError("gap", "why")).toBe(false);
  });
});

describe("assert", () => {
  test("passes what holds and names what does not", () => {
    assert(1, "one is true");
    expect(() => assert(0, "zero is true")).toThrow(
      expect.objectContaining({ code: "logic_error", message: "invariant violated: zero is true" }) as Error,
    );
    expect(() => unreachable("x" as never)).toThrow(/unreachable: x/);
  });
});
