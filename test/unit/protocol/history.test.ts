import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseHistory } from "../../../src/protocol/history.ts";

const at = ["main+k/", 1, 2];
const parse = (history: unknown) => parseHistory({ history });

describe("R11 the history of a subscription", () => {
  test("is none by default", () => {
    expect(parseHistory({})).toBeUndefined();
    expect(parse(null)).toBeUndefined();
  });

  test("is one of four", () => {
    expect(parse({ positions: [at] })).toEqual({
      type: "positions",
      positions: [{ router: "main+k/", incarnation: 1, seq: 2 }],
    });
    expect(parse({ sinceMs: 5 })).toEqual({ type: "since", sinceMs: 5 });
    expect(parse({ last: LIMITS.historyEventsMax })).toEqual({
      type: "last",
      events: LIMITS.historyEventsMax,
    });
    expect(parse({ lastPerTopic: true })).toEqual({ type: "lastPerTopic" });
  });

  test.each([
    [7, "history must be a map"],
    [[], "history must be a map"],
    [{}, "history must be a map with one key"],
    [{ last: 1, sinceMs: 1 }, "history must be a map with one key"],
    [{ first: 1 }, "history.first"],
    [{ last: 0 }, "history.last"],
    [{ last: LIMITS.historyEventsMax + 1 }, "history.last"],
    [{ last: "5" }, "history.last"],
    [{ sinceMs: -1 }, "history.sinceMs"],
    [{ lastPerTopic: false }, "history.lastPerTopic must be true"],
    [{ positions: [] }, "history.positions"],
    [{ positions: [["main", 1]] }, "history.positions must hold positions"],
  ])("%j is refused by name", (history, message) => {
    expect(() => parse(history)).toThrow(message);
  });

  test("names so many streams, not one more", () => {
    const max = LIMITS.retentionsMax * LIMITS.routersMax;
    expect(parse({ positions: Array(max).fill(at) })).toBeDefined();
    expect(() => parse({ positions: Array(max + 1).fill(at) })).toThrow("history.positions");
  });
});
