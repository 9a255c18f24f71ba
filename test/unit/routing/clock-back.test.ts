/** A router's clock that is set back while something waits: rules 6 and 10. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { policy, rigOf, say } from "../../support/kept-rig.ts";
import { publish, RouterRig, segment } from "../../support/router-rig.ts";

const BACK_MS = 500_000;

test("[R10] kept publishes do not wait until the clock is where it was", () => {
  const rig = rigOf(policy("k/")).join("p", 2, []).join("reader", 3, ["k/"]);
  rig.nowMs += BACK_MS;
  say(rig, 1, "k/a", "1");
  rig.nowMs -= BACK_MS;
  rig.receive("p", publish(2, segment("k/a", "2"))).turn();
  expect(rig.takeTexts("reader")).toEqual(["1", "2"]);
});

test("[R6] a cold router does not wait longer than its grace", () => {
  const rig = new RouterRig().join("reader", 3, ["a"]).join("p", 2, []);
  rig.nowMs += BACK_MS;
  rig.restart("closed").turn();
  rig.join("p", 2, [], 2).join("other", 4, ["a"]);
  rig.receive("p", publish(1, segment("a", "1"))).turn();
  expect(rig.takeTexts("other")).toEqual([]);
  rig.nowMs -= BACK_MS;
  rig.turn();
  expect(rig.takeTexts("other")).toEqual(["1"]);
  expect(rig.router.deadlineMs).toBeLessThan(rig.nowMs + BACK_MS + LIMITS.checkpointMs);
});
