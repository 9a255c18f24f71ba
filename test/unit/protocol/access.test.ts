import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { grantOf, parseKeys } from "../../../src/protocol/access.ts";
import { mayLog, mayPublish, maySubscribe } from "../../../src/protocol/grant.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";

const secret = (length: number, char = "s") => char.repeat(length);
const code = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return undefined;
};

describe("parseKeys", () => {
  test("a key without an id", () => {
    expect(parseKeys(secret(32))).toEqual([{ id: "", secret: new TextEncoder().encode(secret(32)) }]);
  });

  test("the first of several keys is the one to sign with", () => {
    const keys = parseKeys(` new:${secret(32, "n")}\n old:${secret(32, "o")} `);
    expect(keys.map((key) => key.id)).toEqual(["new", "old"]);
  });

  test("no key at all is no_key", () => {
    for (const text of [undefined, "", "  "]) expect(code(() => parseKeys(text))).toBe("no_key");
  });

  test("a key of keyBytesMin bytes holds, one of a byte less does not", () => {
    expect(parseKeys(secret(LIMITS.keyBytesMin))).toHaveLength(1);
    expect(code(() => parseKeys(secret(LIMITS.keyBytesMin - 1)))).toBe("no_key");
    expect(code(() => parseKeys(`id:${secret(LIMITS.keyBytesMin - 1)}`))).toBe("no_key");
  });

  test("keysMax keys hold, one more does not", () => {
    const keys = (n: number) => Array.from({ length: n }, (_, i) => `k${i}:${secret(32)}`).join(" ");
    expect(parseKeys(keys(LIMITS.keysMax))).toHaveLength(LIMITS.keysMax);
    expect(code(() => parseKeys(keys(LIMITS.keysMax + 1)))).toBe("no_key");
  });

  test("two keys with one id, and an id with other characters, are refused", () => {
    expect(code(() => parseKeys(`a:${secret(32)} a:${secret(32, "t")}`))).toBe("no_key");
    expect(code(() => parseKeys(`a/b:${secret(32)}`))).toBe("no_key");
    expect(code(() => parseKeys(`:${secret(32)}`))).toBe("no_key");
  });

  test("what is said of a bad key never holds the key", () => {
    const short = "do-not-print-me";
    try {
      parseKeys(short);
    } catch (error) {
      expect(String(error)).not.toContain(short);
    }
    expect.assertions(1);
  });
});

describe("grantOf", () => {
  test("claims become what may be done", () => {
    const grant = grantOf({
      sub: "sensor-1",
      node_type: "worker",
      publish: ["zeek/"],
      subscribe: ["a/"],
      logs: ["conn"],
    });
    expect(mayPublish(grant, parseTopic("zeek/x"))).toBe(true);
    expect(mayPublish(grant, parseTopic("zeek"))).toBe(false);
    expect(maySubscribe(grant, parsePrefix("a/b"))).toBe(true);
    expect(maySubscribe(grant, parsePrefix("a"))).toBe(false);
    expect(mayLog(grant, "conn")).toBe(true);
    expect(mayLog(grant, "dns")).toBe(false);
    expect(grant).toMatchObject({ name: "sensor-1", nodeType: "worker", admin: false });
  });

  test("no claims grant nothing", () => {
    expect(grantOf({})).toEqual({
      publish: [],
      subscribe: [],
      logs: [],
      name: undefined,
      nodeType: undefined,
      admin: false,
      peer: false,
    });
  });

  test("prefixes are compared as bytes", () => {
    const grant = grantOf({ publish: ["zeek/ü"] });
    expect(mayPublish(grant, parseTopic("zeek/üb"))).toBe(true);
    expect(mayPublish(grant, parseTopic("zeek/Ã"))).toBe(false);
  });

  test.each([
    { publish: "zeek/" },
    { subscribe: [1] },
    { logs: { 0: "conn" } },
    { admin: "true" },
    { peer: 1 },
    { sub: 7 },
    { node_type: null },
  ])("a claim of the wrong shape is token_invalid: %j", (claims) => {
    expect(code(() => grantOf(claims))).toBe("token_invalid");
  });

  test("claimItemsMax items hold, one more does not", () => {
    const items = (n: number) => Array.from({ length: n }, (_, i) => `zeek/${i}`);
    expect(grantOf({ publish: items(LIMITS.claimItemsMax) }).publish).toHaveLength(LIMITS.claimItemsMax);
    expect(code(() => grantOf({ publish: items(LIMITS.claimItemsMax + 1) }))).toBe("token_invalid");
  });
});
