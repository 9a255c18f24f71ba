/** The state of scripts: what handlers write is there for the next one, and after a restart. */
import { expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, string } from "../../../src/data/value.ts";
import { defineScript } from "../../../src/script/define.ts";
import { addr } from "../../../src/sdk/values.ts";
import { nodeWith, ScriptNode } from "../../support/script-rig.ts";

it("holds values, keeps them over a restart, and lists them by prefix, this turn's changes included", () => {
  const seen: unknown[] = [];
  const node = nodeWith((zeek) => {
    const { state } = zeek;
    zeek.on("Test::write", () => {
      state.set("host/b", addr("10.0.0.2"));
      state.set("host/a", count(1));
      state.set("other", new Set(["x"]));
      seen.push(state.get("host/a"), state.has("other"), state.delete("nothing"));
    });
    zeek.on("Test::change", () => {
      state.delete("host/a");
      state.set("host/c", "new");
      seen.push(state.entries("host/"), state.get("host/a"));
    });
  });
  node.receive("Test::write");
  expect(seen).toEqual([count(1), true, false]);
  seen.length = 0;
  node.restarted().receive("Test::change");
  expect(seen).toEqual([
    [
      ["host/b", addr("10.0.0.2")],
      ["host/c", string("new")],
    ],
    undefined,
  ]);
  expect(node.memory.get("test/host/a")).toBeUndefined();
});

it("belongs to one script, and becomes durable once a turn", () => {
  const node = new ScriptNode({
    scripts: ["one", "two"].map((name) =>
      defineScript(name, (zeek) => {
        zeek.on("Test::go", () => {
          for (let i = 0; i < 3; i++) zeek.state.set("key", `${name} ${i}`);
        });
      }),
    ),
  });
  node.engine.receive({ name: "Test::go", args: [], metadata: [] });
  const puts = node.turn().filter((e) => e.type === "persist" && e.change.type === "put");
  expect(puts.length).toBe(2);
  expect(node.memory.get("one/key")).not.toEqual(node.memory.get("two/key"));
});

it("has bounds on keys and values, and is written by handlers only", () => {
  const key = "k".repeat(LIMITS.scriptStateKeyBytesMax);
  // Its CBOR has a head of 5 bytes.
  const fits = (bytes: number) => new Uint8Array(bytes).fill(0x61);
  const node = nodeWith((zeek) => {
    zeek.on("Test::key", () => zeek.state.set(key, true));
    zeek.on("Test::long_key", () => zeek.state.set(`${key}k`, true));
    zeek.on("Test::value", () => zeek.state.set("v", fits(LIMITS.scriptStateValueBytesMax - 5)));
    zeek.on("Test::long_value", () => zeek.state.set("v", fits(LIMITS.scriptStateValueBytesMax - 4)));
    expect(() => zeek.state.set("x", true)).toThrow("only be called by a handler");
  });
  node.receive("Test::key").receive("Test::value");
  expect(node.messages).toEqual([]);
  node.receive("Test::long_key").receive("Test::long_value");
  expect(node.messages.length).toBe(2);
});
