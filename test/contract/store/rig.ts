/** A master with one client, driven turn by turn, and values in short form. */
import { encodeValue } from "../../../src/data/cbor-value.ts";
import { set, table } from "../../../src/data/order.ts";
import {
  count,
  integer,
  real,
  string,
  timespan,
  timestamp,
  vector,
  type Value,
} from "../../../src/data/value.ts";
import type { StoreBackend } from "../../../src/store/backend.ts";
import type { CommandResult, QueryAnswer, StoreCommand, StoreQuery } from "../../../src/store/command.ts";
import { encodeKey } from "../../../src/store/key.ts";
import type { StoreEffect, ToClient } from "../../../src/store/message.ts";
import { StoreMaster, type StoreOptions } from "../../../src/store/store-master.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { instance } from "../../support/router-rig.ts";

export const DURABLE: StoreOptions = { bytesMax: LIMITS.storeBytesMax, isDurable: true, wrap: false };
export const START_MS = 1_000_000;

export const c = (n: number | bigint): Value => count(n);
export const i = (n: number | bigint): Value => integer(n);
export const r = (n: number): Value => real(n);
export const s = (text: string): Value => string(text);
export const span = (ns: bigint): Value => timespan(ns);
export const at = (ns: bigint): Value => timestamp(ns);
export const list = (...elements: Value[]): Value => vector(elements);
export const setOf = (...elements: Value[]): Value => set(elements);
export const tableOf = (...entries: [Value, Value][]): Value =>
  table(entries.map(([key, value]) => ({ key, value })));

/** A key, encoded. */
export const k = (key: Value | string): Uint8Array => encodeKey(typeof key === "string" ? string(key) : key);
/** A value, encoded. */
export const v = encodeValue;

export const put = (key: Value | string, value: Value): StoreCommand => ({
  type: "put",
  key: k(key),
  value: v(value),
});

/** A client that has said who it is, and hears everything that is sent to it. */
export class MasterRig {
  readonly backend: StoreBackend;
  readonly options: StoreOptions;
  master: StoreMaster;
  nowMs = START_MS;
  #number = 1;
  #query = 0;

  constructor(backend: StoreBackend, options: StoreOptions = DURABLE) {
    this.backend = backend;
    this.options = options;
    this.master = new StoreMaster(options, backend, [], this.nowMs);
    this.open("t1", 1);
  }

  open(trunk: string, client: number, connection = 1): readonly ToClient[] {
    this.master.receive(trunk, { type: "open", instance: instance(client), connection });
    return this.turn(trunk);
  }

  /** What a turn says to one trunk. */
  turn(trunk = "t1"): readonly ToClient[] {
    return messagesTo(trunk, this.master.turn(this.nowMs));
  }

  /** Carries out commands of the first client in one turn. */
  run(...commands: StoreCommand[]): readonly CommandResult[] {
    const number = this.#number;
    this.#number += commands.length;
    this.master.receive("t1", { type: "commands", first: number, number, ageMs: undefined, commands });
    return this.turn().flatMap((message) => (message.type === "results" ? message.results : []));
  }

  /** The code of one command; "ok" when it was carried out. */
  code(command: StoreCommand): string {
    return this.run(command)[0]?.code ?? "ok";
  }

  ask(query: StoreQuery): QueryAnswer {
    const id = ++this.#query;
    this.master.receive("t1", { type: "query", id, query });
    const answers = this.turn().flatMap((m) => (m.type === "answer" && m.id === id ? [m.answer] : []));
    return answers[0]!;
  }

  /** The bytes of a value, as hex; undefined: there is none. */
  get(key: Value | string): string | undefined {
    const answer = this.ask({ type: "get", key: k(key) });
    return answer.type === "value" ? hex(answer.value) : undefined;
  }

  /** Starts the master anew over what is stored. */
  restart(open: ConstructorParameters<typeof StoreMaster>[2] = []): void {
    this.master = new StoreMaster(this.options, this.backend, open, this.nowMs);
  }
}

function messagesTo(trunk: string, effects: readonly StoreEffect[]): readonly ToClient[] {
  return effects.filter((effect) => effect.trunk === trunk).map(({ message }) => message);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
