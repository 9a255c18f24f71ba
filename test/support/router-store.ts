/** A model of what a TopicRouter keeps in SQLite. */
import type { RouterChange, StoredRouter, TrunkRow } from "../../src/routing/router-state.ts";

/** What SQLite holds of a router: changes are applied as the driver applies them. */
export class RouterStore {
  incarnation = 0;
  checkpoint: StoredRouter["checkpoint"];
  readonly trunks = new Map<string, TrunkRow>();

  apply(change: RouterChange): void {
    switch (change.type) {
      case "incarnation":
        this.incarnation = change.incarnation;
        return;
      case "checkpoint":
        this.checkpoint = change.checkpoint;
        return;
      case "checkpointUsed":
        this.checkpoint = undefined;
        return;
      case "trunk":
        this.trunks.set(change.row.id, change.row);
        return;
      case "trunkGone":
        this.trunks.delete(change.id);
    }
  }

  /** A copy, as a start reads it. */
  read(): StoredRouter {
    const { incarnation, checkpoint } = this;
    return structuredClone({ incarnation, checkpoint, trunks: [...this.trunks.values()] });
  }
}
