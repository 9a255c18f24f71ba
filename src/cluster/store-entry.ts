/**
 * Stores in the layout: Zeek's `Cluster::stores`, what `create_store` goes by. Shape and defaults only.
 * Source: Zeek's `Cluster::StoreInfo` and `Broker::BackendOptions`, spec/stores.md §5, §6.
 */
import { LIMITS } from "../base/limits.ts";
import { assertUnique, choice, exactRecord, flag, integer, invalid, list, text } from "./layout-fields.ts";
import { parseNodeName, type NodeName } from "./node.ts";

/** Bro 2.6 also had rocksdb; `sqlite` stands for it. */
const BACKENDS = ["memory", "sqlite"] as const;
export type StoreBackend = (typeof BACKENDS)[number];

const SYNCHRONOUS = ["off", "normal", "full", "extra"] as const;
const JOURNAL_MODES = ["delete", "wal"] as const;
const FAILURE_MODES = ["fail", "delete"] as const;

/** Zeek's `Broker::SQLiteOptions`. */
export interface SqliteOptions {
  readonly path: string;
  readonly synchronous: (typeof SYNCHRONOUS)[number];
  readonly journalMode: (typeof JOURNAL_MODES)[number];
  readonly failureMode: (typeof FAILURE_MODES)[number];
  readonly integrityCheck: boolean;
}

export interface StoreEntry {
  readonly name: string;
  /** The node that has the master; absent: the manager. */
  readonly masterNode?: NodeName;
  readonly backend: StoreBackend;
  readonly sqlite: SqliteOptions;
  /** How often a disconnected clone looks for its master. */
  readonly cloneResyncIntervalMs: number;
  /** How long a clone answers without its master; null: for ever, as Zeek's negative interval. */
  readonly cloneStaleIntervalMs: number | null;
  /** How long a clone keeps writes while its master is away; 0: not at all. */
  readonly cloneMutationBufferIntervalMs: number;
}

const FIELDS = [
  "name",
  "masterNode",
  "backend",
  "sqlite",
  "cloneResyncIntervalMs",
  "cloneStaleIntervalMs",
  "cloneMutationBufferIntervalMs",
] as const;
const SQLITE_FIELDS = ["path", "synchronous", "journalMode", "failureMode", "integrityCheck"] as const;

/** Stores of a layout, names unique. Throws `invalid_layout` naming the field. */
export function parseStores(input: unknown, field = "stores"): readonly StoreEntry[] {
  const stores = list(input, field, LIMITS.storesMax).map((item, i) => parseStore(item, `${field}[${i}]`));
  assertUnique(
    stores.map((store) => store.name),
    "store names",
  );
  return stores;
}

/** What `create_store` goes by: the layout's entry, or Zeek's default record under this name. Throws `invalid_layout`. */
export function storeEntry(stores: readonly StoreEntry[], name: string): StoreEntry {
  return stores.find((store) => store.name === name) ?? parseStore({ name }, "store");
}

function parseStore(item: unknown, field: string): StoreEntry {
  const entry = exactRecord(item, field, FIELDS);
  const name = text(entry["name"], `${field}.name`);
  if (name === "" || name.length > LIMITS.storeNameMax) {
    invalid(`${field}.name must have 1 to ${LIMITS.storeNameMax} characters`, { bound: LIMITS.storeNameMax });
  }
  if (entry["backend"] === "rocksdb")
    invalid(`${field}.backend: there is no rocksdb; sqlite keeps a store durably`);
  const ms = (key: (typeof FIELDS)[number], standard: number) =>
    integer(entry[key] ?? standard, `${field}.${key}`, 0, LIMITS.storeIntervalMsMax);
  const { masterNode, cloneStaleIntervalMs: stale } = entry;
  return {
    name,
    ...(masterNode === undefined ? {} : { masterNode: parseNodeName(masterNode, `${field}.masterNode`) }),
    backend: choice(entry["backend"] ?? "memory", `${field}.backend`, BACKENDS),
    sqlite: parseSqlite(entry["sqlite"] ?? {}, `${field}.sqlite`),
    cloneResyncIntervalMs: ms("cloneResyncIntervalMs", 10_000),
    cloneStaleIntervalMs: stale === null ? null : ms("cloneStaleIntervalMs", 300_000),
    cloneMutationBufferIntervalMs: ms("cloneMutationBufferIntervalMs", 120_000),
  };
}

function parseSqlite(v: unknown, field: string): SqliteOptions {
  const entry = exactRecord(v, field, SQLITE_FIELDS);
  return {
    path: text(entry["path"] ?? "", `${field}.path`),
    synchronous: choice(entry["synchronous"] ?? "full", `${field}.synchronous`, SYNCHRONOUS),
    journalMode: choice(entry["journalMode"] ?? "wal", `${field}.journalMode`, JOURNAL_MODES),
    failureMode: choice(entry["failureMode"] ?? "fail", `${field}.failureMode`, FAILURE_MODES),
    integrityCheck: flag(entry["integrityCheck"] ?? false, `${field}.integrityCheck`),
  };
}
