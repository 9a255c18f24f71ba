/** The bound of the buffers of all sessions of an isolate. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { SessionEffect } from "../../../src/protocol/session-effect.ts";
import { Session } from "../../../src/protocol/session.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { Placement } from "../../../src/routing/placement.ts";
import { hasRoom, SessionDriver } from "../../../src/worker/session-driver.ts";

/** A session that says how much waits in it and ends when it is told to. */
class Holder extends Session {
  bufferedBytes = 0;

  constructor() {
    super(new Placement([{ name: "main", prefix: parsePrefix("") }]));
  }

  end(): void {
    this.finish();
  }

  override goAway(): void {}
  override flush(): void {}
  protected override ownDeadlineMs(): number {
    return Infinity;
  }
  protected override ownTick(): void {}
  protected override subscribed(): void {}
  protected override published(): void {}
  protected override deliver(): void {}
  protected override missed(): void {}
  protected override refused(): void {}
}

test("R12 sessions share one bound: at it no other one is accepted, below it one is", () => {
  const holders = [new Holder(), new Holder()];
  const ended: SessionEffect["type"][] = [];
  const drivers = holders.map(
    (holder) =>
      new SessionDriver({} as WebSocket, holder, {
        openTrunk: () => Promise.reject(new Error("not asked for")),
        done: () => ended.push("done"),
      }),
  );
  const [one, two] = holders as [Holder, Holder];
  one.bufferedBytes = LIMITS.isolateBufferBytesMax - 2;
  two.bufferedBytes = 1;
  expect(hasRoom()).toBe(true);
  two.bufferedBytes = 2;
  expect(hasRoom()).toBe(false);
  two.end();
  drivers[1]!.inputTaken();
  expect(ended).toEqual(["done"]);
  expect(hasRoom()).toBe(true);
  one.end();
  drivers[0]!.inputTaken();
});
