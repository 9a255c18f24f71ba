/** What a router knows of its publishers after a crash, when the rows that told it have expired: rule 5. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { policy, rigOf, rows, say } from "../../support/kept-rig.ts";
import { publish, segment } from "../../support/router-rig.ts";

const said = (rig: ReturnType<typeof rigOf>) => rig.takeTexts("reader");

test("[R5] a publish that was stored is not taken again after a crash, though its row has expired", () => {
  const rig = rigOf(policy("k/", { events: 2 }))
    .join("p", 2, [])
    .join("reader", 3, ["k/"]);
  for (let seq = 1; seq <= 5; seq++) say(rig, seq, "k/a", `${seq}`);
  expect(said(rig)).toEqual(["1", "2", "3", "4", "5"]);
  rig.join("q", 4, []);
  for (let seq = 1; seq <= 5; seq++) say(rig, seq, "k/a", `q${seq}`, "q");
  // Awake all the time: no checkpoint tells of the marks.
  rig.pass(LIMITS.expireMs).turn();
  expect(rows(rig).length).toBeLessThan(4);
  rig.restart("closed").turn();
  rig.join("p", 2, [], 2).join("reader", 3, ["k/"], 2);
  rig.pass(LIMITS.coldGraceMs);
  rig.receive("p", { ...publish(5, segment("k/a", "5")), repeat: true }).turn();
  rig.pass(LIMITS.keepIntervalMs);
  expect(said(rig)).toEqual([]);
  say(rig, 6, "k/a", "6");
  expect(said(rig)).toEqual(["6"]);
});

test("[R5] marks are written with what expires only when the rows alone tell of them", () => {
  const rig = rigOf(policy("k/", { events: 1 })).join("p", 2, []);
  say(rig, 1, "k/a", "1");
  rig.pass(LIMITS.checkpointMs);
  rig.changes.length = 0;
  say(rig, 2, "k/a", "2");
  say(rig, 3, "k/a", "3");
  rig.pass(LIMITS.expireMs).turn();
  const types = () => rig.changes.map(({ type }) => type).filter((type) => type === "marks");
  const before = types().length;
  expect(before).toBe(1);
  rig.pass(LIMITS.expireMs).turn();
  expect(types().length).toBe(before);
});
