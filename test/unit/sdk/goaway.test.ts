/** A fabric that asks its clients to connect again: the next connection before the old one is left. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { at, deliver, OTHER, rig, sequenced, subscribed, texts, topic, WELCOME } from "./engine-rig.ts";

const prefix = parsePrefix("zeek/");

describe("goaway", () => {
  /** An open client that was asked to leave, and its next attempt. */
  function leaving(random = 0.5) {
    const it = rig({ random });
    it.open();
    it.say(subscribed(it.engine.subscribe([prefix]), 3));
    it.effects();
    it.say({ type: "goaway", reason: "deploy" });
    expect(it.engine.deadlineMs).toBe(random * LIMITS.goawaySpreadMs);
    it.engine.tick(random * LIMITS.goawaySpreadMs);
    expect(it.effects()).toEqual([{ type: "connect", connection: 2 }]);
    return it;
  }

  test("the next connection is made while the old one still works, then the old one is left", () => {
    const { engine, sent, effects, told, say, greet } = leaving();
    expect(engine.status).toBe("open");
    expect(greet()).toMatchObject([{ type: "hello", connection: 2 }]);
    say(deliver([sequenced(4, OTHER, 1)]), 0, 1);
    expect(texts(told())).toEqual(["1"]);
    engine.publishText(topic, "a");
    engine.flush();
    expect(sent(1)).toMatchObject([{ type: "publish", seq: 1, repeat: false }]);
    say(WELCOME);
    const all = effects();
    expect(all[0]).toEqual({ type: "disconnect", connection: 1 });
    expect(all.filter((e) => e.type === "send").map((e) => e.connection)).toEqual([2, 2]);
    expect(all).not.toContainEqual(expect.objectContaining({ type: "lost" }));
    say(deliver([sequenced(5, OTHER, 2)]), 0, 1);
    expect(told()).toEqual([]);
  });

  test("it comes back from where it stands then, and publishes again what has no answer", () => {
    const { engine, sent, say, greet } = leaving();
    engine.publishText(topic, "a");
    engine.flush();
    greet();
    say(deliver([sequenced(4, OTHER, 1)]), 0, 1);
    sent();
    say(WELCOME);
    expect(sent(2)).toMatchObject([
      { type: "subscribe", positions: [at(4)] },
      { type: "publish", seq: 1, repeat: true },
    ]);
  });

  test("when the next one cannot be made, the old one stays, and it is tried again", () => {
    const { engine, told, lose, effects } = leaving();
    lose(1_000);
    expect(told()).toEqual([]);
    expect(engine.status).toBe("open");
    engine.tick(engine.deadlineMs!);
    expect(effects()).toEqual([{ type: "connect", connection: 3 }]);
  });

  test("when the old one ends first, the attempt goes on", () => {
    const { engine, told, greet, say } = leaving();
    engine.disconnected(1, 0);
    expect(told()).toEqual([{ type: "lost", retryInMs: 0 }]);
    expect(engine.status).toBe("connecting");
    greet();
    say(WELCOME);
    expect(engine.status).toBe("open");
  });
});
