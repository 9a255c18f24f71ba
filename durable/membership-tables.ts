/** What Membership keeps in SQLite: its life and view, and the nodes of that view; what is to be reported beside it. */
import type { MembershipCommit, StoredMembership } from "../src/membership/membership-state.ts";
import { REPORT_SCHEMA } from "./report-tables.ts";
import { all, int, maybe, migrate, text } from "./sqlite.ts";

const SCHEMA = [
  `CREATE TABLE view (life TEXT NOT NULL, number INTEGER NOT NULL);
   CREATE TABLE members (name TEXT PRIMARY KEY, node_type TEXT NOT NULL, node_id TEXT NOT NULL) WITHOUT ROWID;`,
  REPORT_SCHEMA,
];

export class MembershipTables {
  readonly #sql: SqlStorage;

  /** Brings the schema up to date. @param newLife The life of a storage that has none. */
  constructor(storage: DurableObjectStorage, newLife: () => string) {
    migrate(storage, SCHEMA);
    this.#sql = storage.sql;
    if (this.#view() === undefined) {
      this.#sql.exec("INSERT INTO view (life, number) VALUES (?, 0)", newLife());
    }
  }

  /** All that a starting Membership needs. */
  load(): StoredMembership {
    const { life, number } = this.#view()!;
    const members = all(this.#sql.exec("SELECT name, node_type, node_id FROM members"), (row) => ({
      name: text(row, "name"),
      nodeType: text(row, "node_type"),
      nodeId: text(row, "node_id"),
    }));
    return { life, view: number, members };
  }

  /** Applies a view; the caller holds the transaction (rule 35). */
  apply({ view, down, up }: MembershipCommit): void {
    this.#sql.exec("UPDATE view SET number = ?", view);
    for (const { name } of down) this.#sql.exec("DELETE FROM members WHERE name = ?", name);
    for (const { name, nodeType, nodeId } of up) {
      this.#sql.exec(
        "INSERT OR REPLACE INTO members (name, node_type, node_id) VALUES (?, ?, ?)",
        name,
        nodeType,
        nodeId,
      );
    }
  }

  #view(): { life: string; number: number } | undefined {
    return maybe(this.#sql.exec("SELECT life, number FROM view"), (row) => ({
      life: text(row, "life"),
      number: int(row, "number"),
    }));
  }
}
