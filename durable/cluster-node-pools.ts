/**
 * Events that the scripts of a ClusterNode send to one node of a pool: rows in the commit of the turn that made them,
 * until they are handled (rules 31 and 33). The node chooses by itself, as a session does for its peer.
 */
import { FabricError } from "../src/base/errors.ts";
import { LIMITS } from "../src/base/limits.ts";
import { encodeValue } from "../src/data/cbor-value.ts";
import { FULL_GRANT } from "../src/protocol/access.ts";
import type { FabricEvent } from "../src/protocol/event.ts";
import { decodeFrame, encodeFrame } from "../src/protocol/frame-codec.ts";
import type { InstanceId } from "../src/protocol/frame.ts";
import type { PoolKey, PublishPoolFrame } from "../src/protocol/pool-frame.ts";
import { PoolPublishes, type PoolChooser } from "../src/protocol/pool-publishes.ts";
import { SessionLedger } from "../src/protocol/session-ledger.ts";
import { fromBytes, type Topic } from "../src/protocol/topic.ts";
import { encodeEvents } from "../src/protocol/transcode.ts";
import type { PoolTarget } from "../src/script/effects.ts";
import { PoolTrunk } from "./pool-trunk.ts";
import { all, blob, int, maybe, one, toBlob } from "./sqlite.ts";

/** A step of the schema of a node. AUTOINCREMENT: a number never comes twice. */
export const NODE_POOL_SCHEMA = `
  CREATE TABLE pool_sender (instance BLOB NOT NULL, connection INTEGER NOT NULL);
  CREATE TABLE pool_events (id INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB NOT NULL);`;

export interface NodePoolsPorts {
  readonly sql: SqlStorage;
  readonly chooser: PoolChooser;
  /** Version of the router table. */
  readonly table: string;
  readonly owner: (topic: Topic) => string;
  /** Opens a trunk; rejects when it cannot. */
  open(router: string): Promise<WebSocket>;
  /** Runs a step that changes storage; a throw in it discards the object (rule 35). */
  guard(step: () => void): void;
  /** An event that nobody has handled, and nobody will. */
  refused(error: FabricError): void;
}

export class NodePools {
  readonly #ports: NodePoolsPorts;
  readonly #ledger = new SessionLedger();
  readonly #engine: PoolPublishes;
  readonly #trunks = new Map<string, PoolTrunk>();
  #identity: { readonly instance: InstanceId; readonly connection: number } | undefined;
  /** Rows that the engine has not yet. */
  #unsent: PublishPoolFrame[];
  #waiting: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ports: NodePoolsPorts) {
    this.#ports = ports;
    const { chooser, owner } = ports;
    this.#engine = new PoolPublishes(
      { chooser, owner, grant: FULL_GRANT, ledger: this.#ledger },
      {
        isOpen: (router) => this.#trunk(router).isOpen(),
        send: (router, frame) => this.#trunk(router).send(encodeFrame(frame)),
        handled: (done) => this.#done(done.map(({ id }) => id)),
        refused: (id, error) => {
          this.#done([id]);
          ports.refused(error);
        },
      },
    );
    const rows = ports.sql.exec("SELECT id, frame FROM pool_events ORDER BY id");
    // What is read from a row may have been sent before.
    this.#unsent = all(rows, (row) => ({ ...frameOf(blob(row, "frame")), id: int(row, "id"), repeat: true }));
    this.#waiting = this.#unsent.length;
  }

  /** Keeps an event; part of the caller's transaction, `send` after it. */
  add({ event }: { readonly event: FabricEvent }, target: PoolTarget): void {
    if (this.#waiting >= LIMITS.nodePoolEventsMax) {
      const message = `${LIMITS.nodePoolEventsMax} events wait for nodes of pools`;
      return this.#ports.refused(new FabricError("publisher_too_fast", message));
    }
    const payload = encodeEvents([event]);
    const frame: PublishPoolFrame = {
      type: "publishPool",
      id: 0,
      repeat: false,
      pool: target.pool,
      ...keyOf(target),
      count: 1,
      payload,
    };
    const values = [toBlob(encodeFrame(frame))];
    const rows = this.#ports.sql.exec("INSERT INTO pool_events (frame) VALUES (?) RETURNING id", ...values);
    this.#unsent.push({ ...frame, id: one(rows, (row) => int(row, "id")) });
    this.#waiting++;
  }

  /** Sends what waits. */
  send(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const frame of unsent) {
      this.#ledger.received(frame.count);
      this.#engine.take(frame, Date.now());
    }
    this.#flush();
  }

  /** There may be another view. */
  viewed(): void {
    this.#engine.viewChanged(Date.now());
    this.#flush();
  }

  #flush(): void {
    this.#engine.flush();
    if (this.#waiting === 0) for (const trunk of this.#trunks.values()) trunk.leave();
    clearTimeout(this.#timer);
    const { deadlineMs } = this.#engine;
    if (deadlineMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#engine.tick(Date.now());
        this.#flush();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }

  #done(ids: readonly number[]): void {
    this.#ports.guard(() => {
      for (const id of ids) this.#ports.sql.exec("DELETE FROM pool_events WHERE id = ?", id);
    });
    this.#waiting -= ids.length;
  }

  #trunk(router: string): PoolTrunk {
    let trunk = this.#trunks.get(router);
    if (trunk === undefined) {
      this.#identity ??= this.#connect();
      trunk = new PoolTrunk(
        router,
        { ...this.#identity, table: this.#ports.table },
        {
          open: async (name) => this.#ports.open(name),
          isNeeded: () => this.#engine.needs(router),
          opened: () => this.#flush(),
          lost: () => {
            this.#engine.trunkLost(router);
            this.#flush();
          },
          told: (event) => {
            if (event.type === "handled") this.#engine.handled(event.done);
            else this.#engine.unhandled(event.id, event.code, Date.now());
            this.#flush();
          },
        },
      );
      this.#trunks.set(router, trunk);
    }
    return trunk;
  }

  /** The sender, under a connection number that is higher than each before. */
  #connect(): { readonly instance: InstanceId; readonly connection: number } {
    const { sql } = this.#ports;
    if (maybe(sql.exec("SELECT connection FROM pool_sender"), (row) => row) === undefined) {
      const instance = toBlob(crypto.getRandomValues(new Uint8Array(16)));
      sql.exec("INSERT INTO pool_sender (instance, connection) VALUES (?, 0)", instance);
    }
    sql.exec("UPDATE pool_sender SET connection = connection + 1");
    return one(sql.exec("SELECT instance, connection FROM pool_sender"), (row) => ({
      instance: fromBytes(blob(row, "instance")),
      connection: int(row, "connection"),
    }));
  }
}

function keyOf(target: PoolTarget): PoolKey {
  return target.choice === "hrw"
    ? { choice: "hrw", key: encodeValue(target.key) }
    : { choice: "node", key: target.node };
}

function frameOf(bytes: Uint8Array): PublishPoolFrame {
  return decodeFrame(bytes) as PublishPoolFrame;
}
