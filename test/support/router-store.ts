/** A model of what a TopicRouter keeps in SQLite. */
import { LOG_IDS, type KeptHead, type KeptRow, type KeptStore } from "../../src/routing/kept.ts";
import type { Era, RouterChange, StoredRouter, TrunkRow } from "../../src/routing/router-state.ts";

interface Log {
  readonly number: number;
  readonly prefix: StoredRouter["logs"][number]["prefix"];
  expired: StoredRouter["logs"][number]["expired"];
}

/** What SQLite holds of a router: changes are applied as the driver applies them. */
export class RouterStore implements KeptStore {
  incarnation = 0;
  checkpoint: StoredRouter["checkpoint"];
  marks: StoredRouter["marks"];
  table: StoredRouter["table"];
  eras: readonly Era[] = [];
  readonly trunks = new Map<string, TrunkRow>();
  readonly logs = new Map<number, Log>();
  readonly kept = new Map<number, KeptRow>();

  apply(change: RouterChange): void {
    switch (change.type) {
      case "incarnation":
        this.incarnation = change.incarnation;
        return;
      case "checkpoint":
        this.checkpoint = change.checkpoint;
        this.marks = undefined;
        return;
      case "marks":
        this.checkpoint = undefined;
        this.marks = change.checkpoint;
        return;
      case "checkpointUsed":
        this.marks = this.checkpoint;
        this.checkpoint = undefined;
        return;
      case "table": {
        const { table, era, goneThrough = 0 } = change;
        this.table = table;
        this.eras = [...this.eras, ...(era === undefined ? [] : [era])].filter((e) => e.number > goneThrough);
        return;
      }
      case "trunk":
        this.trunks.set(change.row.id, change.row);
        return;
      case "trunkGone":
        this.trunks.delete(change.id);
        return;
      case "log":
        this.logs.set(change.number, {
          number: change.number,
          prefix: change.prefix,
          expired: change.expired,
        });
        return;
      case "logGone":
        this.logs.delete(change.number);
        this.#drop(change.number, (change.number + 1) * LOG_IDS - 1);
        return;
      case "keep":
        this.kept.set(change.row.id, change.row);
        return;
      case "expire":
        this.logs.get(change.number)!.expired = change.expired;
        this.#drop(change.number, change.through);
    }
  }

  #drop(number: number, through: number): void {
    for (const id of this.kept.keys()) if (id >= number * LOG_IDS && id <= through) this.kept.delete(id);
  }

  /** A copy, as a start reads it. */
  read(): StoredRouter {
    const { incarnation, checkpoint, marks, table, eras } = this;
    const logs = [...this.logs.values()].map((log) => {
      const from = log.number * LOG_IDS;
      const ids = [...this.kept.keys()].filter((id) => id >= from && id < from + LOG_IDS);
      return { ...log, first: ids[0] ?? from, next: (ids.at(-1) ?? from - 1) + 1 };
    });
    return structuredClone({
      incarnation,
      checkpoint,
      marks,
      table,
      eras,
      trunks: [...this.trunks.values()],
      logs,
    });
  }

  head(id: number): KeptHead {
    const row = this.kept.get(id);
    if (row === undefined) throw new Error(`no row ${id}`);
    return row;
  }

  rows(from: number, end: number, bytesMax: number): readonly KeptRow[] {
    const rows: KeptRow[] = [];
    let bytes = 0;
    for (let id = from; id < end; id++) {
      const row = this.kept.get(id);
      if (row === undefined) throw new Error(`no row ${id}`);
      bytes += row.frames.length;
      if (rows.length > 0 && bytes > bytesMax) break;
      rows.push(row);
    }
    return rows;
  }
}
