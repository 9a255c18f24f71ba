/**
 * A master and clones over trunks that lose, repeat and reorder messages, under clocks that the test turns. Real
 * trunks do none of that while they last; what ends well here ends well there.
 */
import { canonicalKey } from "../../../src/data/order.ts";
import { decodeValue } from "../../../src/data/cbor-value.ts";
import type { StoreBackend } from "../../../src/store/backend.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import type { StoreEvent } from "../../../src/store/clone-content.ts";
import type { ToClient, ToMaster } from "../../../src/store/message.ts";
import {
  decodeToClient,
  decodeToMaster,
  encodeToClient,
  encodeToMaster,
} from "../../../src/store/message-codec.ts";
import { StoreClone, type CloneEffect } from "../../../src/store/store-clone.ts";
import { StoreMaster, type StoreOptions } from "../../../src/store/store-master.ts";
import { instance } from "../../support/router-rig.ts";
import { DURABLE, START_MS } from "./rig.ts";

type Result = Extract<CloneEffect, { type: "result" }>;

export class NetClone {
  readonly clone: StoreClone;
  readonly id: number;
  connection = 0;
  /** Undefined: cut off. */
  trunk: string | undefined;
  toMaster: ToMaster[] = [];
  toClone: ToClient[] = [];
  readonly results: Result[] = [];
  readonly events: StoreEvent[] = [];
  failures: string[] = [];

  constructor(id: number, nowMs: number) {
    this.id = id;
    this.clone = new StoreClone(
      {
        instance: instance(id),
        resyncIntervalMs: 10_000,
        staleIntervalMs: 300_000,
        mutationBufferIntervalMs: 120_000,
        isObserved: true,
      },
      nowMs,
    );
  }

  get content(): ReadonlyMap<string, string> {
    return contentOf(this.clone.entries());
  }
}

const contentOf = (
  entries: Iterable<readonly [Parameters<typeof canonicalKey>[0], Parameters<typeof canonicalKey>[0]]>,
) => new Map([...entries].map(([key, value]) => [canonicalKey(key), canonicalKey(value)] as const));

export class Network {
  readonly backend: StoreBackend;
  readonly options: StoreOptions;
  master: StoreMaster;
  nowMs = START_MS;
  readonly clones: readonly NetClone[];

  constructor(backend: StoreBackend, clones: number, options: StoreOptions = DURABLE) {
    this.backend = backend;
    this.options = options;
    this.master = new StoreMaster(options, backend, [], this.nowMs);
    this.clones = Array.from({ length: clones }, (_, n) => new NetClone(n + 1, this.nowMs));
  }

  write(n: number, command: StoreCommand): number {
    const id = this.clones[n]!.clone.write(command);
    this.#cloneTurn(this.clones[n]!);
    return id;
  }

  connect(n: number): void {
    const one = this.clones[n]!;
    if (one.trunk !== undefined) return;
    one.connection++;
    one.trunk = `${one.id}/${one.connection}`;
    one.clone.connected(one.connection);
    this.#cloneTurn(one);
  }

  /** What was on its way is lost. */
  cut(n: number): void {
    const one = this.clones[n]!;
    if (one.trunk === undefined) return;
    this.master.closed(one.trunk);
    one.trunk = undefined;
    one.toMaster = [];
    one.toClone = [];
    one.clone.disconnected(this.nowMs);
    this.#cloneTurn(one);
  }

  /** Gives the master so many messages of one clone. */
  up(n: number, count = Infinity): void {
    const { trunk, toMaster } = this.clones[n]!;
    for (const message of toMaster.splice(0, count)) {
      const isFrame = message.type !== "open";
      this.master.receive(trunk!, isFrame ? decodeToMaster(encodeToMaster(message)) : message);
    }
  }

  /** Gives a clone so many messages of the master. */
  down(n: number, count = Infinity): void {
    const one = this.clones[n]!;
    for (const message of one.toClone.splice(0, count)) {
      one.clone.receive(message.type === "error" ? message : decodeToClient(encodeToClient(message)));
    }
    this.#cloneTurn(one);
  }

  /** A turn of the master; `isLost`: it ends right after the commit, and nobody hears of it. */
  turn(isLost = false): void {
    const effects = this.master.turn(this.nowMs);
    if (isLost) return this.crash();
    for (const { trunk, message } of effects) {
      this.clones.find((one) => one.trunk === trunk)?.toClone.push(message);
    }
  }

  /** The master ends without a turn: what it had received is lost, all trunks end. */
  crash(backend = this.backend): void {
    for (let n = 0; n < this.clones.length; n++) this.cut(n);
    this.master = new StoreMaster(this.options, backend, [], this.nowMs);
  }

  /** All trunks are made anew, and everything is delivered until nothing is left to say. */
  settle(): void {
    for (let n = 0; n < this.clones.length; n++) {
      this.cut(n);
      this.connect(n);
    }
    this.flow();
  }

  /** Delivers everything until nothing is left to say. */
  flow(): void {
    for (let round = 0; round < 10_000; round++) {
      for (let n = 0; n < this.clones.length; n++) if (this.clones[n]!.trunk !== undefined) this.up(n);
      this.turn();
      for (let n = 0; n < this.clones.length; n++) this.down(n);
      const isQuiet = this.clones.every(({ toMaster, toClone }) => toMaster.length + toClone.length === 0);
      if (isQuiet && this.master.deadlineMs !== 0) return;
    }
    throw new Error("the network does not come to rest");
  }

  /** What the master stores. */
  get content(): ReadonlyMap<string, string> {
    const { rows } = this.backend.scan(undefined, { rowsMax: Infinity, bytesMax: Infinity });
    return contentOf(rows.map(({ key, value }) => [decodeValue(key), decodeValue(value)] as const));
  }

  #cloneTurn(one: NetClone): void {
    for (const effect of one.clone.turn(this.nowMs)) {
      if (effect.type === "send" && one.trunk !== undefined) one.toMaster.push(effect.message);
      if (effect.type === "result") one.results.push(effect);
      if (effect.type === "event") one.events.push(effect.event);
      if (effect.type === "failed") one.failures.push(effect.code);
    }
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.nowMs += ms;
    for (const one of this.clones) this.#cloneTurn(one);
  }
}
