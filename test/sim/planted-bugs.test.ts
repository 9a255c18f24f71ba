/** Defects that the checkers must notice, each planted outside of src/, and each caught within 500 seeds. */
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { RouterEffect } from "../../src/routing/router-state.ts";
import { Router } from "../../src/routing/router.ts";
import type { FabricParts } from "./fabric-world.ts";
import { caught, startingFrom } from "./fabric/planting.ts";
import type { MakeRouter } from "./fabric/router-host.ts";
import { runShards } from "./kit/shards.ts";

const SEEDS = 500;
const makeRouter: MakeRouter = (...args) => new Router(...args);
const isOfWitness = (id: string) => id.startsWith("witness");

/** Changes what is sent, frame by frame; `undefined` leaves it out. */
const sending =
  (change: (bytes: Uint8Array) => Uint8Array | undefined): MakeRouter =>
  (...args) => {
    const router = new Router(...args);
    const turn = router.turn.bind(router);
    router.turn = (nowMs) =>
      turn(nowMs).flatMap((effect): RouterEffect[] => {
        if (effect.type !== "send" || effect.trunks.every(isOfWitness)) return [effect];
        const bytes = change(effect.bytes);
        const toWitness = { ...effect, trunks: effect.trunks.filter(isOfWitness) };
        const toOthers = { ...effect, trunks: effect.trunks.filter((id) => !isOfWitness(id)) };
        return [toWitness, ...(bytes === undefined ? [] : [{ ...toOthers, bytes }])];
      });
    return router;
  };

/** One acknowledgement of a publish is not sent: another one in each seed. */
function skipOneAcknowledgement(seed: number): FabricParts {
  let left = seed % 100;
  const skip = (bytes: Uint8Array) =>
    decodeFrame(bytes).type === "published" && left-- === 0 ? undefined : bytes;
  return { makeRouter: sending(skip) };
}

/** A router that wakes up takes one prefix of one trunk for gone. */
const forgetOneSubscription = startingFrom((stored) => {
  const first = stored.trunks.find(({ id, prefixes }) => !isOfWitness(id) && prefixes.length > 0);
  const trunks = stored.trunks.map((row) =>
    row === first ? { ...row, prefixes: row.prefixes.slice(1) } : row,
  );
  return { ...stored, trunks };
});

/** A start without a checkpoint takes the incarnation of the life before. */
const reuseIncarnation = startingFrom((stored) => ({
  ...stored,
  incarnation: Math.max(0, stored.incarnation - 1),
}));

/** Deliveries claim to follow the frame right before theirs, whatever was sent on the trunk. */
const dropPrev = sending((bytes) => {
  const frame = decodeFrame(bytes);
  if (frame.type !== "deliver") return bytes;
  return encodeFrame({ ...frame, prev: frame.frames[0]!.seq - 1 });
});

/** A router whose table has changed takes its marks of publishers for ones of the new table. */
const forgetTables: MakeRouter = ({ name, table, keeping }, ...args) =>
  new Router({ name, table, ...(keeping === undefined ? {} : { keeping }) }, ...args);

/** A reader that comes back is live at once in streams that it does not name. */
const beginUnnamedNow: MakeRouter = (...args) => {
  const router = new Router(...args);
  const receive = router.receive.bind(router);
  router.receive = (trunk, bytes) => {
    const frame = decodeFrame(bytes);
    const isBack = frame.type === "subscribe" && frame.options["back"] === true;
    receive(trunk, isBack ? encodeFrame({ ...frame, options: { ...frame.options, back: false } }) : bytes);
  };
  return router;
};

const PLANTS: readonly (readonly [name: string, plant: (seed: number) => FabricParts])[] = [
  ["R5 skip one acknowledgement", skipOneAcknowledgement],
  ["R6 forget one subscription at wake-up", () => ({ makeRouter: forgetOneSubscription })],
  ["R10 forward before persist", () => ({ makeRouter, order: (commit, sends) => [...sends, commit] })],
  ["R2 reuse an incarnation", () => ({ makeRouter: reuseIncarnation })],
  ["R3 drop prev", () => ({ makeRouter: dropPrev })],
  ["R8 forget what was taken under another table", () => ({ makeRouter: forgetTables })],
  ["R8 begin unnamed streams now", () => ({ makeRouter: beginUnnamedNow })],
];

describe(`planted bugs, caught within ${SEEDS} seeds`, { timeout: 240_000 }, () => {
  let last = 0;

  it.each(PLANTS)("%s", (name, plant) => {
    const seeds = caught(plant, SEEDS);
    expect(seeds, name).not.toEqual([]);
    last = Math.max(last, seeds.at(-1)!.seed);
    const all = seeds.map(({ seed }) => seed);
    process.stdout.write(`${name}: caught in ${all.length} of ${all.at(-1)!} seeds (${all.join(", ")})\n`);
  });

  it("the healthy code passes the same seeds", async () => {
    expect((await runShards("fabric", { from: 1, seeds: last, jobs: 2 })).failedSeed).toBeUndefined();
  });
});
