/** How many nodes a watcher sees. Thousands of watchers in one process cannot each keep thousands of names. */
import type { ViewFrame, ViewId } from "../../src/protocol/member-frame.ts";

export class ViewCount {
  #id: ViewId | undefined;
  /** Nodes in the view. */
  nodes = 0;

  /** Takes the next view; false, and nothing changes, for one that does not follow. */
  take({ id, base, up, down }: ViewFrame): boolean {
    if (base === undefined) this.nodes = 0;
    else if (this.#id?.life !== id.life || this.#id.number !== base) return false;
    this.#id = id;
    this.nodes += up.length - down.length;
    return true;
  }
}
