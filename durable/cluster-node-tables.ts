/**
 * What a ClusterNode keeps in SQLite: its life, the state and the schedule of its scripts, where it stands at each
 * router. What it publishes and logs waits in the tables of report-tables.ts, in the same commits (rule 31).
 */
import { decodeItem, encodeItem } from "../src/data/cbor.ts";
import type { InstanceId, Position } from "../src/protocol/frame.ts";
import { fromBytes, prefixFromBytes, toBytes, type Prefix } from "../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../src/protocol/transcode.ts";
import type { ScriptChange, Setting, StateStore, StoredNode } from "../src/script/effects.ts";
import { NODE_POOL_SCHEMA } from "./cluster-node-pools.ts";
import { REPORT_SCHEMA } from "./report-tables.ts";
import { all, blob, int, maybe, migrate, one, text, toBlob, type Row } from "./sqlite.ts";

const SCHEMA = [
  `CREATE TABLE life (fingerprint TEXT NOT NULL, node_id TEXT NOT NULL, reader BLOB NOT NULL, begun INTEGER NOT NULL);
   CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
   CREATE TABLE schedules (id INTEGER PRIMARY KEY, at_ms REAL NOT NULL, event BLOB NOT NULL);
   CREATE TABLE settings (kind TEXT NOT NULL, name TEXT NOT NULL, is_on INTEGER NOT NULL, PRIMARY KEY (kind, name));
   CREATE TABLE awaited (id INTEGER PRIMARY KEY, script TEXT NOT NULL);
   CREATE TABLE routers (router TEXT PRIMARY KEY, trunk BLOB NOT NULL) WITHOUT ROWID;`,
  REPORT_SCHEMA,
  NODE_POOL_SCHEMA,
];

/** Behind every key that begins with a prefix. */
const LAST = "\u{10FFFF}";

/** One life of the node, and the reader that it is to routers. */
export interface NodeLifeRow {
  readonly nodeId: string;
  readonly reader: InstanceId;
}

/** Where the node stands at one router. */
export interface NodeTrunkRow {
  readonly connection: number;
  /** Whether the router has confirmed the prefixes, and has not ended the trunk since. */
  readonly isOpen: boolean;
  /** Number of the last push that was taken. */
  readonly lastPush: number;
  readonly subscribeId: number;
  readonly prefixes: readonly Prefix[];
  readonly positions: readonly Position[];
}

type TrunkItem = [
  connection: number,
  isOpen: boolean,
  lastPush: number,
  subscribeId: number,
  prefixes: Uint8Array[],
  positions: [router: string, incarnation: number, seq: number][],
];

export class ClusterNodeTables implements StateStore {
  readonly #sql: SqlStorage;

  /** Brings the schema up to date. */
  constructor(storage: DurableObjectStorage) {
    this.#sql = storage.sql;
    migrate(storage, SCHEMA);
  }

  /**
   * The life under this fingerprint of the scripts. Another one than before is a new life: what was scheduled is gone,
   * as when a process is started again; the state stays.
   */
  life(fingerprint: string, newLife: () => NodeLifeRow): NodeLifeRow {
    const known = maybe(this.#sql.exec("SELECT fingerprint, node_id, reader FROM life"), (row) => ({
      fingerprint: text(row, "fingerprint"),
      nodeId: text(row, "node_id"),
      reader: fromBytes(blob(row, "reader")),
    }));
    if (known?.fingerprint === fingerprint) return known;
    const made = newLife();
    // Routers know the reader by its instance: it outlives the life, and so do its positions.
    const life = { nodeId: made.nodeId, reader: known?.reader ?? made.reader };
    for (const table of ["life", "schedules", "settings", "awaited"]) this.#sql.exec(`DELETE FROM ${table}`);
    this.#sql.exec(
      "INSERT INTO life (fingerprint, node_id, reader, begun) VALUES (?, ?, ?, 0)",
      fingerprint,
      life.nodeId,
      toBlob(toBytes(life.reader)),
    );
    return life;
  }

  /** What the engine starts from. */
  stored(): StoredNode {
    return {
      isBegun: one(this.#sql.exec("SELECT begun FROM life"), (row) => int(row, "begun")) === 1,
      schedules: all(this.#sql.exec("SELECT id, at_ms, event FROM schedules"), (row) => ({
        id: int(row, "id"),
        atMs: Number(row["at_ms"]),
        event: decodeEvents(blob(row, "event"), 1)[0]!,
      })),
      awaited: all(this.#sql.exec("SELECT id, script FROM awaited"), (row) => ({
        id: int(row, "id"),
        script: text(row, "script"),
      })),
      settings: all(this.#sql.exec("SELECT kind, name, is_on FROM settings"), (row) => ({
        kind: text(row, "kind") as Setting["kind"],
        name: text(row, "name"),
        isOn: int(row, "is_on") === 1,
      })),
    };
  }

  get(key: string): Uint8Array | undefined {
    return maybe(this.#sql.exec("SELECT value FROM state WHERE key = ?", key), (row) => blob(row, "value"));
  }

  entries(prefix: string): readonly (readonly [key: string, bytes: Uint8Array])[] {
    return all(
      this.#sql.exec("SELECT key, value FROM state WHERE key >= ? AND key < ?", prefix, prefix + LAST),
      (row) => [text(row, "key"), blob(row, "value")] as const,
    );
  }

  /** Part of the caller's transaction. */
  apply(change: ScriptChange): void {
    switch (change.type) {
      case "begun":
        this.#sql.exec("UPDATE life SET begun = 1");
        return;
      case "put":
        this.#sql.exec(
          "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
          change.key,
          toBlob(change.bytes),
        );
        return;
      case "erase":
        this.#sql.exec("DELETE FROM state WHERE key = ?", change.key);
        return;
      case "scheduled": {
        const { id, atMs, event } = change.scheduled;
        const bytes = toBlob(encodeEvents([event]));
        this.#sql.exec("INSERT INTO schedules (id, at_ms, event) VALUES (?, ?, ?)", id, atMs, bytes);
        return;
      }
      case "unscheduled":
        this.#sql.exec("DELETE FROM schedules WHERE id = ?", change.id);
        return;
      case "awaits": {
        const { id, script } = change.operation;
        this.#sql.exec("INSERT INTO awaited (id, script) VALUES (?, ?)", id, script);
        return;
      }
      case "awaited":
        this.#sql.exec("DELETE FROM awaited WHERE id = ?", change.id);
        return;
      case "setting":
        return this.#setting(change.kind, change.name, change.isOn);
    }
  }

  trunks(): ReadonlyMap<string, NodeTrunkRow> {
    return new Map(all(this.#sql.exec("SELECT router, trunk FROM routers"), trunkOf));
  }

  putTrunk(router: string, row: NodeTrunkRow): void {
    const item: TrunkItem = [
      row.connection,
      row.isOpen,
      row.lastPush,
      row.subscribeId,
      row.prefixes.map(toBytes),
      row.positions.map(({ router: stream, incarnation, seq }) => [stream, incarnation, seq]),
    ];
    const bytes = toBlob(encodeItem(item));
    this.#sql.exec("INSERT OR REPLACE INTO routers (router, trunk) VALUES (?, ?)", router, bytes);
  }

  #setting(kind: string, name: string, isOn: boolean | undefined): void {
    if (isOn === undefined) {
      this.#sql.exec("DELETE FROM settings WHERE kind = ? AND name = ?", kind, name);
      return;
    }
    const on = isOn ? 1 : 0;
    this.#sql.exec("INSERT OR REPLACE INTO settings (kind, name, is_on) VALUES (?, ?, ?)", kind, name, on);
  }
}

function trunkOf(row: Row): readonly [router: string, trunk: NodeTrunkRow] {
  const [connection, isOpen, lastPush, subscribeId, prefixes, positions] = decodeItem(
    blob(row, "trunk"),
  ) as TrunkItem;
  return [
    text(row, "router"),
    {
      connection: Number(connection),
      isOpen,
      lastPush: Number(lastPush),
      subscribeId: Number(subscribeId),
      prefixes: prefixes.map(prefixFromBytes),
      positions: positions.map(([router, incarnation, seq]) => ({
        router,
        incarnation: Number(incarnation),
        seq: Number(seq),
      })),
    },
  ];
}
