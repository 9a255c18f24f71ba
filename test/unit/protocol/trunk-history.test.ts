/** A subscription with a history, asked for on a trunk that is lost before the answer: rules 3 and 11. */
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { FrameOf, Position } from "../../../src/protocol/frame.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { TrunkEnd } from "../../../src/protocol/trunk-end.ts";
import { instance } from "../../support/router-rig.ts";

const AT: Position = { router: "main+k/", incarnation: 1, seq: 10 };
const HISTORY = { last: 5 };
const K = [parsePrefix("k/")];

/** The subscribe frames with which a trunk begins that was subscribed to "k/", was lost, and is open again. */
function resubscribed(change: (trunk: TrunkEnd) => void): FrameOf<"subscribe">[] {
  const trunk = new TrunkEnd("main", {
    instance: instance(7),
    connection: 3,
    table: "t",
    terms: { resume: true },
  });
  trunk.open();
  trunk.opened();
  trunk.subscribe(1, K);
  trunk.receive(encodeFrame({ type: "subscribed", id: 1, positions: [AT], gaps: [] }));
  change(trunk);
  trunk.lost();
  trunk.open();
  return trunk
    .opened()
    .map(decodeFrame)
    .filter((frame) => frame.type === "subscribe");
}

test("[R11] a prefix in force goes on where the reader stands, also when its history was asked for meanwhile", () => {
  const [inForce, history] = resubscribed((trunk) => trunk.subscribe(2, K, HISTORY));
  expect(inForce).toMatchObject({ prefixes: K, positions: [AT], options: {} });
  expect(history).toMatchObject({ id: 2, prefixes: K, positions: [], options: { history: HISTORY } });
});

test("[R11] a prefix that was not in force is asked for with its history, once", () => {
  const other = [parsePrefix("o/")];
  const frames = resubscribed((trunk) => trunk.subscribe(2, other, HISTORY));
  expect(frames.map(({ prefixes }) => prefixes)).toEqual([K, other]);
  expect(frames[1]).toMatchObject({ options: { history: HISTORY } });
});
