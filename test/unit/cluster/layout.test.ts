/** The layout of a deployment: what it may say, and its bounds. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import { layout } from "../../../src/site/layout.ts";

const named = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `n${i}` }));

describe("a layout", () => {
  it("of nothing has one router for all topics and no logger", () => {
    expect(parseLayout({})).toEqual({
      routers: [{ name: "main", prefix: "" }],
      loggers: [],
      jsonReader: { bytesPerSecond: LIMITS.readerBytesPerSecond, burstBytes: LIMITS.readerBurstBytes },
      retention: [],
    });
  });

  it("as the project ships it is valid, and its loggers are enabled", () => {
    expect(parseLayout(layout).loggers.map(({ enabled }) => enabled)).toEqual([true, true]);
  });

  it("has its routers sorted by prefix, in bytes", () => {
    const routers = [
      { name: "a", prefix: "ä" },
      { name: "all", prefix: "" },
    ];
    expect(parseLayout({ routers }).routers).toEqual([
      { name: "all", prefix: "" },
      { name: "a", prefix: "\u00c3\u00a4" },
    ]);
  });

  it.each([
    ["layout", 7],
    ["layout", null],
    ["routers must be an array", { routers: {} }],
    ["routers[0] must be an object", { routers: [1] }],
    ["routers[0].name", { routers: [{ name: "", prefix: "" }] }],
    ["routers[0].prefix", { routers: [{ name: "a" }] }],
    ['the prefix ""', { routers: [{ name: "a", prefix: "a/" }] }],
    ["router names", { routers: ["", "a"].map((prefix) => ({ name: "a", prefix })) }],
    ["router prefixes", { routers: ["a", "b"].map((name) => ({ name, prefix: "" })) }],
    ["loggers[0].name", { loggers: [{ name: "a/b" }] }],
    ["loggers[0].name", { loggers: [{ name: "x".repeat(64) }] }],
    ["loggers[1].enabled", { loggers: [{ name: "a" }, { name: "b", enabled: "no" }] }],
    ["logger names", { loggers: [{ name: "a" }, { name: "a" }] }],
    ["jsonReader.bytesPerSecond", { jsonReader: { bytesPerSecond: 0 } }],
    ["jsonReader.burstBytes", { jsonReader: { burstBytes: 1.5 } }],
  ])("is refused, naming %s", (text, input) => {
    expect(() => parseLayout(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(text) }),
    );
  });

  it(`names at most ${LIMITS.routersMax} routers and ${LIMITS.loggersMax} loggers`, () => {
    const routers = (count: number) =>
      named(count).map(({ name }, i) => ({ name, prefix: i === 0 ? "" : name }));
    expect(parseLayout({ routers: routers(LIMITS.routersMax) }).routers).toHaveLength(LIMITS.routersMax);
    expect(() => parseLayout({ routers: routers(LIMITS.routersMax + 1) })).toThrow("65 routers, at most 64");
    expect(parseLayout({ loggers: named(LIMITS.loggersMax) }).loggers).toHaveLength(LIMITS.loggersMax);
    expect(() => parseLayout({ loggers: named(LIMITS.loggersMax + 1) })).toThrow("65 loggers, at most 64");
  });
});
