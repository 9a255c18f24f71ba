/** Each policy of a reader that falls behind (R13), once through the real runtime with real sockets. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import type { Overflow } from "../../src/protocol/overflow.ts";
import { connect } from "../../src/sdk/index.ts";
import { until } from "../support/away.ts";
import { FullLoad } from "../support/full-load.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { ResumingReader } from "../support/resuming-reader.ts";

const KIB = 1024;
const TERMS = { window: 64 * KIB, queue: 256 * KIB, events: "counted" } as const;
/** Far more than window and queue hold. */
const BYTES = 10e6;
const HELD_FOR_MS = 250;

const fabric = useFabric();
let topics = 0;
let prefix: string;
let load: FullLoad;
/** A reader that keeps up, and the one that does not. */
let witness: ResumingReader;
let slow: ResumingReader;

const wsUrl = () => fabric().url.replace("http", "ws");

beforeEach(async () => {
  prefix = `policy/${++topics}/`;
  witness = new ResumingReader(prefix, { events: "counted" });
  await witness.connect(wsUrl());
  load = new FullLoad(`${prefix}x`, () => witness.received);
  await load.connect(wsUrl());
});

afterEach(() => {
  load.close();
  witness.cut();
  slow.cut();
});

/** A reader that grants its credit once and then none. */
async function openSlow(overflow: Overflow): Promise<void> {
  slow = new ResumingReader(prefix, { ...TERMS, overflow });
  await slow.connect(wsUrl());
  slow.isConsuming = false;
}

/** Publishes a lot; resolves when the witness has it. */
async function publishAll(): Promise<void> {
  load.start();
  await until(() => load.bytes >= BYTES);
  await load.stop();
  await until(() => witness.received === load.events);
  expect(witness).toMatchObject({ gaps: [], untold: [], closed: undefined });
}

const endOf = (reader: ResumingReader) => reader.positions[0]!.seq;

/** The slow reader reads on, up to the end. */
async function catchUp(): Promise<void> {
  slow.consumeAll();
  await until(() => endOf(slow) === endOf(witness));
  expect(slow.untold).toEqual([]);
}

const dropped = () => slow.gaps.reduce((sum, { events = Number.NaN }) => sum + events, 0);

test("R13 drop_oldest leaves out what is oldest: the reader gets the newest, and the count of what lies between", async () => {
  await openSlow("drop_oldest");
  await publishAll();
  const before = slow.received;
  await catchUp();
  expect(slow.gaps).toHaveLength(1);
  expect(slow.gaps[0]).toMatchObject({ extent: "exact", reason: "overflow" });
  expect(slow.gaps[0]!.to.seq).toBeLessThan(endOf(witness));
  expect(slow.received).toBeGreaterThan(before);
  expect(slow.received + dropped()).toBe(load.events);
});

test("R13 drop_newest leaves out what is newest: the reader gets what came first, and the count of the rest", async () => {
  await openSlow("drop_newest");
  await publishAll();
  const before = slow.received;
  await catchUp();
  expect(slow.gaps).toHaveLength(1);
  expect(slow.gaps[0]).toMatchObject({ extent: "exact", reason: "overflow" });
  expect(slow.gaps[0]!.to.seq).toBe(endOf(witness));
  expect(slow.received).toBeGreaterThan(before);
  expect(slow.received + dropped()).toBe(load.events);
});

/** Waits until the load is held: some of it is not acknowledged, and nothing moves. */
async function untilHeld(): Promise<void> {
  for (let sent = -1; sent !== load.events || load.unacknowledged === 0; await sleep(HELD_FOR_MS)) {
    sent = load.events;
  }
}

test("R13 block holds publishers of its topics, no others, and loses nothing", async () => {
  await openSlow("block");
  load.start();
  await untilHeld();
  expect(load.bytes).toBeLessThan(BYTES);
  await using other = await connect(fabric().url);
  await other.publishAcked("other/x", "Not::held");
  expect(load.unacknowledged).toBeGreaterThan(0);
  slow.consumeAll();
  await publishAll();
  await catchUp();
  expect(slow).toMatchObject({ received: load.events, gaps: [], closed: undefined });
});

test(`R13 block closes the reader after ${LIMITS.blockMs / 1_000} s, and its publishers go on`, async () => {
  await openSlow("block");
  load.start();
  await untilHeld();
  expect(slow.closed).toBeUndefined();
  await publishAll();
  await until(() => slow.closed !== undefined);
  expect(slow.closed).toEqual({ code: 1013, reason: "slow_reader" });
});

test("R4 R13 disconnect closes the reader, which is told exactly what it missed when it comes back", async () => {
  await openSlow("disconnect");
  await publishAll();
  await until(() => slow.closed !== undefined);
  expect(slow.closed).toEqual({ code: 1013, reason: "slow_reader" });
  const from = slow.positions[0]!;
  await slow.connect(wsUrl());
  const to = witness.positions[0]!;
  expect(slow.gaps).toEqual([{ extent: "exact", from, to, events: undefined, reason: "away" }]);
  slow.isConsuming = true;
  const before = slow.received;
  await using other = await connect(fabric().url);
  await other.publishAcked(`${prefix}x`, "Is::back");
  await until(() => slow.received === before + 1);
  expect(slow.untold).toEqual([]);
});
