import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import { mayLog, mayPublish, maySubscribe, type Grant } from "../../../src/protocol/grant.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";

const grant = (fields: Partial<Grant>): Grant => ({
  publish: [],
  subscribe: [],
  logs: [],
  name: undefined,
  nodeType: undefined,
  admin: false,
  peer: false,
  ...fields,
});
const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 4 });

describe("grants", () => {
  test("an empty one grants nothing", () => {
    const none = grant({});
    expect([
      mayPublish(none, parseTopic("")),
      maySubscribe(none, parsePrefix("")),
      mayLog(none, "conn"),
    ]).toEqual([false, false, false]);
  });

  test("a topic may be published under a granted prefix", () => {
    const some = grant({ publish: [parsePrefix("a/"), parsePrefix("b")] });
    expect(["a/x", "a/", "b", "bc", "a", ""].map((t) => mayPublish(some, parseTopic(t)))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test("whoever may subscribe to a prefix may see every topic under it, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), text, text, (granted, prefix, rest) => {
        const some = grant({ subscribe: granted.map(parsePrefix) });
        if (!maySubscribe(some, parsePrefix(prefix))) return;
        expect(granted.some((g) => (prefix + rest).startsWith(g))).toBe(true);
      }),
    );
    const some = grant({ subscribe: [parsePrefix("a/")] });
    expect(["a/", "a/b", "a", ""].map((p) => maySubscribe(some, parsePrefix(p)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("log streams are granted by name, or all by a star", () => {
    expect([mayLog(grant({ logs: ["conn"] }), "conn"), mayLog(grant({ logs: ["conn"] }), "dns")]).toEqual([
      true,
      false,
    ]);
    expect(mayLog(FULL_GRANT, "anything")).toBe(true);
  });
});
