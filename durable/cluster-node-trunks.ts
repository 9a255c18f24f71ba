/**
 * A ClusterNode's trunks to its routers: TrunkEnd at this end, frames by calls both ways (node-calls.ts). It subscribes
 * and reads; what the node publishes goes through its outbox.
 */
import { FabricError } from "../src/base/errors.ts";
import type { FrameOf, Gap, InstanceId } from "../src/protocol/frame.ts";
import type { Prefix } from "../src/protocol/topic.ts";
import { TrunkEnd } from "../src/protocol/trunk-end.ts";
import type { Placement } from "../src/routing/placement.ts";
import type { NodeTrunkRow } from "./cluster-node-tables.ts";
import type { Push, PushAnswer, RouterCalls } from "./node-calls.ts";
import { trace } from "./trace.ts";

/** Publishers wait for a node that is behind, and if that does not help it is told what it missed: never in silence. */
const OVERFLOW = "block";
const NEW_TRUNK: NodeTrunkRow = {
  connection: 0,
  isOpen: false,
  lastPush: 0,
  subscribeId: 0,
  prefixes: [],
  positions: [],
};

export interface NodeTrunksPorts {
  readonly node: string;
  readonly reader: InstanceId;
  readonly placement: Placement;
  stub(router: string): RouterCalls;
  /** Keeps where the node stands at a router: a commit of its own. */
  keep(router: string, row: NodeTrunkRow): void;
  delivered(frame: FrameOf<"deliver">): void;
  missed(gap: Gap): void;
}

interface Trunk {
  end: TrunkEnd;
  row: NodeTrunkRow;
  /** Calls go one after the other. */
  calls: Promise<void>;
  isWaiting: boolean;
}

export class NodeTrunks {
  readonly #ports: NodeTrunksPorts;
  readonly #trunks = new Map<string, Trunk>();
  /** What is subscribed to at each router. */
  #wanted = new Map<string, Set<Prefix>>();

  /** Goes on with the trunks that were open when the object fell asleep. */
  constructor(ports: NodeTrunksPorts, rows: ReadonlyMap<string, NodeTrunkRow>) {
    this.#ports = ports;
    for (const [router, row] of rows) {
      const end = this.#end(router, row.connection + 1);
      if (row.isOpen) end.woken(row.subscribeId, row.prefixes, row.positions);
      else if (row.prefixes.length > 0) {
        if (row.positions.length > 0) end.resumeFrom(row.positions);
        // Sent when the trunk opens: what was wanted before is to be asked for again.
        end.subscribe(row.subscribeId, row.prefixes);
      }
      this.#trunks.set(router, { end, row, calls: Promise.resolve(), isWaiting: false });
    }
  }

  /** Rows of these routers, as they are to be committed with what came from them. */
  rowOf(router: string): NodeTrunkRow | undefined {
    return this.#trunks.get(router)?.row;
  }

  /** Subscribes to these prefixes and to no others; opens what is not open. */
  subscribe(prefixes: readonly Prefix[]): void {
    const wanted = new Map<string, Set<Prefix>>();
    for (const prefix of prefixes) {
      for (const router of this.#ports.placement.span(prefix)) {
        wanted.set(router, (wanted.get(router) ?? new Set()).add(prefix));
      }
    }
    this.#wanted = wanted;
    for (const router of new Set([...wanted.keys(), ...this.#trunks.keys()])) {
      this.#adjust(this.#trunk(router));
      this.#open(router);
    }
  }

  /** Takes frames of a router. What they deliver is told at once; `rowOf` is to be committed with it. */
  push(router: string, pushes: readonly Push[]): PushAnswer {
    const trunk = this.#trunk(router);
    const frames: Uint8Array[] = [];
    for (const { number, connection, frame } of pushes) {
      if (number <= trunk.row.lastPush) continue;
      trunk.row = { ...trunk.row, lastPush: number };
      if (connection !== trunk.row.connection) continue;
      if (frame === null) this.#lost(router, trunk);
      else this.#receive(router, trunk, frame, frames);
    }
    frames.push(...trunk.end.takeCredit());
    const { lastPush, connection } = trunk.row;
    trunk.row = { ...trunk.row, positions: trunk.end.positions };
    return { taken: lastPush, connection, frames };
  }

  #receive(router: string, trunk: Trunk, bytes: Uint8Array, answers: Uint8Array[]): void {
    try {
      for (const event of trunk.end.receive(bytes)) {
        switch (event.type) {
          case "deliver":
            this.#ports.delivered(event.frame);
            answers.push(...trunk.end.consume(event.bytes.length));
            break;
          case "gap":
            this.#ports.missed(event.gap);
            break;
          case "subscribed":
            for (const gap of event.gaps) this.#ports.missed(gap);
            trunk.row = { ...trunk.row, isOpen: true, subscribeId: event.id };
            break;
          case "refused":
            trace("node.refused", { node: this.#ports.node, router, code: event.error.code });
            break;
          default:
            break;
        }
      }
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      trace("node.bad_frame", { node: this.#ports.node, router, code: error.code });
    }
  }

  /** Tells an open trunk what has changed. */
  #adjust(trunk: Trunk): void {
    const router = trunk.end.router;
    const wanted = this.#wanted.get(router) ?? new Set<Prefix>();
    const had = new Set(trunk.row.prefixes);
    const added = [...wanted].filter((prefix) => !had.has(prefix));
    const gone = [...had].filter((prefix) => !wanted.has(prefix));
    if (added.length === 0 && gone.length === 0) return;
    const frames: Uint8Array[] = [];
    let id = trunk.row.subscribeId;
    if (added.length > 0) frames.push(...trunk.end.subscribe(++id, added));
    if (gone.length > 0) frames.push(...trunk.end.unsubscribe(++id, gone));
    // Not confirmed yet: an end that dies now must open the trunk anew.
    trunk.row = { ...trunk.row, isOpen: false, subscribeId: id, prefixes: [...wanted] };
    this.#ports.keep(router, trunk.row);
    if (frames.length > 0) this.#call(router, trunk, frames);
  }

  #open(router: string): void {
    const trunk = this.#trunk(router);
    if (trunk.isWaiting || trunk.row.prefixes.length === 0 || !trunk.end.open()) return;
    // A number of its own for each connection, never used again, whatever becomes of this one.
    trunk.row = { ...trunk.row, connection: trunk.row.connection + 1, isOpen: false };
    this.#ports.keep(router, trunk.row);
    this.#call(router, trunk, trunk.end.opened());
  }

  #call(router: string, trunk: Trunk, frames: readonly Uint8Array[]): void {
    const { connection } = trunk.row;
    const call = async () => {
      if (trunk.row.connection !== connection) return;
      try {
        await this.#ports.stub(router).nodeFrames({ node: this.#ports.node, connection }, frames);
      } catch (error) {
        trace("node.call_failed", { node: this.#ports.node, router, error: String(error) });
        if (trunk.row.connection === connection) this.#lost(router, trunk);
      }
    };
    trunk.calls = trunk.calls.then(call);
  }

  #lost(router: string, trunk: Trunk): void {
    trunk.row = { ...trunk.row, isOpen: false, connection: trunk.row.connection + 1 };
    const waitMs = trunk.end.lost();
    if (trunk.isWaiting) return;
    trunk.isWaiting = true;
    setTimeout(() => {
      trunk.isWaiting = false;
      this.#open(router);
    }, waitMs);
  }

  #trunk(router: string): Trunk {
    let trunk = this.#trunks.get(router);
    if (trunk === undefined) {
      trunk = { end: this.#end(router, 1), row: NEW_TRUNK, calls: Promise.resolve(), isWaiting: false };
      this.#trunks.set(router, trunk);
    }
    return trunk;
  }

  #end(router: string, connection: number): TrunkEnd {
    const { reader, placement } = this.#ports;
    const terms = { overflow: OVERFLOW };
    return new TrunkEnd(router, {
      instance: reader,
      connection,
      table: placement.version,
      terms,
    });
  }
}
