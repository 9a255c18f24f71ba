/** What a TopicRouter keeps in SQLite: its incarnation, its checkpoint, a row for each trunk, and kept events. */
import { decodeItem, encodeItem } from "../src/data/cbor.ts";
import { fromBytes, prefixFromBytes, toBytes } from "../src/protocol/topic.ts";
import type { RouterCounts } from "../src/routing/ledger.ts";
import type { Checkpoint, Era, RouterChange, StoredRouter, TrunkRow } from "../src/routing/router-state.ts";
import type { ReaderTerms } from "../src/routing/reader-terms.ts";
import { KEPT_SCHEMA, KeptTables } from "./kept-tables.ts";
import { NODE_PUSH_SCHEMA } from "./router-nodes.ts";
import { all, blob, concat, int, migrate, one, text, toBlob, type Row } from "./sqlite.ts";

const SCHEMA = [
  `CREATE TABLE incarnations (incarnation INTEGER NOT NULL);
   CREATE TABLE checkpoint (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
   CREATE TABLE trunks (id TEXT PRIMARY KEY, trunk BLOB NOT NULL) WITHOUT ROWID;`,
  `ALTER TABLE checkpoint ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
   ${KEPT_SCHEMA}`,
  NODE_PUSH_SCHEMA,
  `CREATE TABLE eras (number INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (number, part))
     WITHOUT ROWID;`,
];

/** A row holds 2 MB: the checkpoint of a router with very many publishers and trunks takes several. */
const PART_BYTES = 1_000_000;

/** CBOR of a checkpoint and of a trunk; instances and prefixes are byte strings, so that none outgrows its row. */
type CheckpointItem = [
  incarnation: number,
  seq: number,
  marks: [Uint8Array, number][],
  lastSeqs: [string, number][],
  /** Absent in rows of a release without the ledger. */
  counts: RouterCounts | undefined,
];
/** CBOR of a row of `eras`: number 0 is the table in force, which has no marks. */
type EraItem = [version: string, routes: [name: string, prefix: Uint8Array][], marks: [Uint8Array, number][]];
type TrunkItem = [
  instance: Uint8Array,
  connection: number,
  prefixes: Uint8Array[],
  lastSeq: number,
  terms: ReaderTerms,
];

export class RouterTables {
  readonly #storage: DurableObjectStorage;
  /** Kept events: the engine reads them while it runs. */
  readonly kept: KeptTables;

  /** Brings the schema up to date. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    migrate(storage, SCHEMA);
    this.kept = new KeptTables(storage.sql);
  }

  /** All that a starting router needs. */
  load(): StoredRouter {
    const { sql } = this.#storage;
    return {
      incarnation: one(sql.exec("SELECT max(incarnation) AS last FROM incarnations"), (row) =>
        int(row, "last"),
      ),
      checkpoint: this.#checkpoint(0),
      marks: this.#checkpoint(1),
      logs: this.kept.logs(),
      ...this.#eras(),
      trunks: all(sql.exec("SELECT id, trunk FROM trunks"), trunkOf),
    };
  }

  /** Applies the changes of a turn in one transaction (rule 35). */
  apply(changes: readonly RouterChange[]): void {
    if (changes.length === 0) return;
    this.#storage.transactionSync(() => {
      for (const change of changes) this.#apply(change);
    });
  }

  #apply(change: RouterChange): void {
    const { sql } = this.#storage;
    switch (change.type) {
      case "incarnation":
        sql.exec("DELETE FROM incarnations");
        sql.exec("INSERT INTO incarnations (incarnation) VALUES (?)", change.incarnation);
        return;
      case "checkpoint":
        return this.#keep(change.checkpoint, 0);
      case "marks":
        return this.#keep(change.checkpoint, 1);
      case "checkpointUsed":
        sql.exec("UPDATE checkpoint SET used = 1");
        return;
      case "trunk":
        sql.exec(
          "INSERT OR REPLACE INTO trunks (id, trunk) VALUES (?, ?)",
          change.row.id,
          encodeTrunk(change.row),
        );
        return;
      case "table":
        return this.#keepTable(change);
      case "trunkGone":
        sql.exec("DELETE FROM trunks WHERE id = ?", change.id);
        return;
      default:
        this.kept.apply(change);
    }
  }

  #keepTable({ table, era, goneThrough = 0 }: Extract<RouterChange, { type: "table" }>): void {
    const { sql } = this.#storage;
    sql.exec("DELETE FROM eras WHERE number <= ?", goneThrough);
    this.#putEra(0, table.version, table.routes, []);
    if (era !== undefined) this.#putEra(era.number, "", era.routes, era.marks);
  }

  #putEra(number: number, version: string, routes: Era["routes"], marks: Era["marks"]): void {
    const item: EraItem = [
      version,
      routes.map(({ name, prefix }) => [name, toBytes(prefix)]),
      marks.map(([id, last]) => [toBytes(id), last]),
    ];
    const { sql } = this.#storage;
    sql.exec("DELETE FROM eras WHERE number = ?", number);
    for (const [part, piece] of partsOf(encodeItem(item)).entries()) {
      sql.exec("INSERT INTO eras (number, part, bytes) VALUES (?, ?, ?)", number, part, toBlob(piece));
    }
  }

  #eras(): Pick<StoredRouter, "table" | "eras"> {
    const rows = all(
      this.#storage.sql.exec("SELECT number, bytes FROM eras ORDER BY number, part"),
      (row) => ({ number: int(row, "number"), bytes: blob(row, "bytes") }),
    );
    let table: StoredRouter["table"];
    const eras: Era[] = [];
    for (const [number, parts] of Map.groupBy(rows, (row) => row.number)) {
      const [version, flat, items] = decodeItem(concat(parts.map(({ bytes }) => bytes))) as EraItem;
      const routes = flat.map(([name, prefix]) => ({ name, prefix: prefixFromBytes(prefix) }));
      if (number === 0) table = { version, routes };
      else eras.push({ number, routes, marks: items.map(([id, last]) => [fromBytes(id), Number(last)]) });
    }
    return { table, eras };
  }

  #keep({ incarnation, seq, marks, lastSeqs, counts }: Checkpoint, used: 0 | 1): void {
    const { sql } = this.#storage;
    const item = [incarnation, seq, marks.map(([id, last]) => [toBytes(id), last]), lastSeqs, counts];
    const bytes = encodeItem(item);
    sql.exec("DELETE FROM checkpoint");
    for (const [part, piece] of partsOf(bytes).entries()) {
      sql.exec("INSERT INTO checkpoint (part, bytes, used) VALUES (?, ?, ?)", part, toBlob(piece), used);
    }
  }

  #checkpoint(used: 0 | 1): Checkpoint | undefined {
    const parts = all(
      this.#storage.sql.exec("SELECT bytes FROM checkpoint WHERE used = ? ORDER BY part", used),
      (row) => blob(row, "bytes"),
    );
    if (parts.length === 0) return undefined;
    const bytes = concat(parts);
    const [incarnation, seq, marks, lastSeqs, counts] = decodeItem(bytes) as CheckpointItem;
    return {
      incarnation: Number(incarnation),
      seq: Number(seq),
      marks: marks.map(([id, last]) => [fromBytes(id), Number(last)]),
      lastSeqs: lastSeqs.map(([id, last]) => [id, Number(last)]),
      counts,
    };
  }
}

function partsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) parts.push(bytes.subarray(at, at + PART_BYTES));
  return parts;
}

function encodeTrunk({ instance, connection, prefixes, lastSeq, terms }: TrunkRow): ArrayBuffer {
  return toBlob(encodeItem([toBytes(instance), connection, prefixes.map(toBytes), lastSeq, terms]));
}

function trunkOf(row: Row): TrunkRow {
  const [instance, connection, prefixes, lastSeq, terms] = decodeItem(blob(row, "trunk")) as TrunkItem;
  return {
    id: text(row, "id"),
    instance: fromBytes(instance),
    // Numbers from 2^32 on may come as bigint.
    connection: Number(connection),
    prefixes: prefixes.map(prefixFromBytes),
    lastSeq: Number(lastSeq),
    terms,
  };
}
