/** A reader that is behind and gives its subscription up: rules 3 and 13. */
import { expect, test } from "vitest";
import { publish, RouterRig, segment, subscribe, unsubscribe } from "../../support/router-rig.ts";

const TERMS = { window: 1, queue: 200 };

/** A reader with one delivery under way, some that wait, and some that were dropped. */
function behind(overflow: string): RouterRig {
  const rig = new RouterRig().join("p", 2, []).join("reader", 3, ["a"], 1, { ...TERMS, overflow });
  for (let seq = 1; seq <= 8; seq++) rig.receive("p", publish(seq, segment("a", "x".repeat(60)))).turn();
  expect(rig.takeOf("reader", "deliver")).toHaveLength(1);
  return rig;
}

/** The reader says that it has consumed everything. */
const consume = (rig: RouterRig) =>
  rig
    .receive("reader", { type: "credit", position: { router: "main", incarnation: 1, seq: 8 }, window: 1e6 })
    .turn();

test.each(["drop_oldest", "drop_newest"])(
  "[R3] nothing comes any more, and no gap is told: %s",
  (overflow) => {
    const rig = behind(overflow);
    rig.receive("reader", unsubscribe(["a"])).turn();
    const [confirmed] = rig.takeOf("reader", "subscribed");
    expect(confirmed!.positions).toEqual([{ router: "main", incarnation: 1, seq: 8 }]);
    consume(rig);
    expect(rig.take("reader")).toEqual([]);
    expect(rig.router.ledger.problems).toEqual([]);
  },
);

test("[R3] subscribed again, it goes on from the confirmation without a gap", () => {
  const rig = behind("drop_newest");
  rig.receive("reader", unsubscribe(["a"]), subscribe(["a"], 2)).turn();
  rig.take("reader");
  consume(rig);
  rig.receive("p", publish(9, segment("a", "9"))).turn();
  const frames = rig.take("reader");
  expect(frames.map(({ type }) => type)).toEqual(["deliver"]);
  expect(frames[0]).toMatchObject({ prev: 8 });
});
