/**
 * A router inside a process: the engine of src/routing with its trunks in memory, and nothing kept. What it would store
 * dies with it, so each life has an incarnation of its own: peers that come back to another life are told the gap.
 */
import { Gather } from "../base/gather.ts";
import type { RouterEffect } from "../routing/router-state.ts";
import type { RouterLedgerView } from "../routing/ledger.ts";
import { Placement } from "../routing/placement.ts";
import { Router } from "../routing/router.ts";
import { parsePrefix } from "../protocol/topic.ts";
import { nextMacrotask } from "../sdk/macrotask.ts";
import { Deadline } from "./deadline.ts";

/** The one router of an endpoint, and its table. */
const NAME = "endpoint";
const ROUTES = [{ name: NAME, prefix: parsePrefix("") }];
export const PLACEMENT = new Placement(ROUTES);
export const TABLE = PLACEMENT.version;

/** The session's end of a trunk. */
export interface TrunkHandlers {
  received(bytes: Uint8Array): void;
  /** The router has ended it. */
  closed(): void;
}

export class RouterHost {
  readonly #router: Router;
  readonly #ends = new Map<string, TrunkHandlers>();
  readonly #gather = new Gather(nextMacrotask, () => this.#run((nowMs) => this.#router.turn(nowMs)));
  readonly #deadline = new Deadline(() => this.#run((nowMs) => this.#router.tick(nowMs)));
  #lastTrunk = 0;

  constructor(nowMs: number) {
    const stored = { incarnation: nowMs, checkpoint: undefined, trunks: [], marks: undefined, logs: [] };
    this.#router = new Router({ name: NAME, table: TABLE }, stored, new Set(), nowMs);
  }

  get ledger(): RouterLedgerView {
    return this.#router.ledger;
  }

  /** Opens a trunk; returns its id. */
  open(handlers: TrunkHandlers): string {
    const id = String(++this.#lastTrunk);
    this.#ends.set(id, handlers);
    return id;
  }

  /** A frame on a trunk, towards the router. */
  send(id: string, bytes: Uint8Array): void {
    this.#router.receive(id, bytes);
    this.#gather.due();
  }

  /** Ends a trunk. */
  close(id: string): void {
    if (!this.#ends.delete(id)) return;
    this.#router.closed(id);
    this.#gather.due();
  }

  /** Ends all work. */
  stop(): void {
    this.#ends.clear();
    this.#deadline.set(undefined);
  }

  #run(step: (nowMs: number) => readonly RouterEffect[]): void {
    for (const effect of step(Date.now())) {
      if (effect.type === "send") {
        for (const id of effect.trunks) this.#ends.get(id)?.received(effect.bytes);
      } else if (effect.type === "close") {
        const end = this.#ends.get(effect.trunk);
        this.close(effect.trunk);
        end?.closed();
      }
    }
    this.#deadline.set(this.#router.deadlineMs);
  }
}
