import { describe, expect, test } from "vitest";
import { count, string } from "../../../src/data/value.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { ENCODING } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { CborEvents } from "../../../src/sdk/cbor-events.ts";
import { EventRun } from "../../../src/sdk/event-run.ts";

const refused = expect.objectContaining({ code: "deserialization_failed" });
const named = (...names: readonly string[]): FabricEvent[] =>
  names.map((name, i) => ({
    name,
    args: [count(i), string(name)],
    metadata: i % 2 === 0 ? [] : [{ id: 200n, value: count(i) }],
  }));

describe("the events of a segment", () => {
  const names = [
    "A::a",
    "A::a",
    "A::b",
    "A::bb",
    "A::b",
    "",
    "",
    "Ä::ä",
    "Ä::ä",
    "x".repeat(300),
    "x".repeat(300),
  ];

  test("have the names and the contents that they were sent with, in whatever order they are asked for", () => {
    const sent = named(...names);
    const bytes = encodeEvents(sent);
    for (const order of [[...names.keys()], [...names.keys()].reverse()]) {
      const events = new CborEvents(bytes);
      expect(events.count).toBe(names.length);
      for (const i of order) expect(events.name(i)).toBe(names[i]);
      for (const i of order) expect(events.event(i)).toEqual(sent[i]);
    }
  });

  test("have the same name when its length stands in more bytes than it needs", () => {
    const events = new CborEvents(
      Uint8Array.of(0x82, 0x61, 0x61, 0x80, 0x82, 0x78, 0x01, 0x61, 0x80, 0x98, 0x02, 0x61, 0x61, 0x80),
    );
    expect([0, 1, 2, 0].map((i) => events.name(i))).toEqual(["a", "a", "a", "a"]);
  });

  test("without a name, or with one that is no text, are refused when it is read", () => {
    for (const bytes of [[0x80], [0x82, 0x01, 0x80], [0x82, 0x61, 0xff, 0x80]]) {
      const events = new CborEvents(Uint8Array.from(bytes));
      expect(() => events.name(0)).toThrow(refused);
      expect(() => events.event(0)).toThrow(refused);
    }
  });
});

describe("a run", () => {
  const run = (...names: readonly string[]) =>
    EventRun.ofSegment(
      {
        topic: parseTopic("zeek/x"),
        encoding: ENCODING.cbor,
        count: names.length,
        payload: encodeEvents(named(...names)),
      },
      "",
    );

  test("gives its events one by one, new objects unless it is shared", () => {
    const alone = run("a", "b");
    expect([0, 1, 2].map((i) => alone.event(i)?.name)).toEqual(["a", "b", undefined]);
    expect(alone.event(0)).not.toBe(alone.event(0));
    const shared = run("a", "b");
    shared.share();
    expect(shared.event(1)).toBe(shared.event(1));
    expect(shared.event(2)).toBeUndefined();
    expect(shared.events).toEqual([shared.event(0), shared.event(1)]);
  });

  test("an event can be read after the run has gone on, name first or arguments first", () => {
    const all = run("a", "b", "a");
    const [first, second] = [all.event(0)!, all.event(1)!];
    all.event(2);
    expect([second.name, first.name, second.name]).toEqual(["b", "a", "b"]);
    expect(second.args).toEqual([count(1), string("b")]);
    expect([second.name, second.metadata.length, first.metadata.length]).toEqual(["b", 1, 0]);
  });
});
