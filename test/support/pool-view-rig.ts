/** The pools of an isolate whose view is set by hand: four proxies and a pool of nobody. */
import { parseLayout, type Layout } from "../../src/cluster/layout.ts";
import { ViewCopy } from "../../src/membership/view-copy.ts";
import type { SessionPoolsPorts } from "../../src/membership/pool-chooser.ts";
import { IsolatePools, SessionPools } from "../../src/membership/pool-chooser.ts";

export const PROXIES = ["proxy-1", "proxy-2", "proxy-3", "proxy-4"];

export function proxyLayout(names: readonly string[] = PROXIES): Layout {
  return parseLayout({
    nodes: names.map((name) => ({ name, nodeType: "PROXY", place: "remote" })),
  });
}

export class PoolViewRig {
  readonly emptied: string[] = [];
  refreshes = 0;
  readonly pools: SessionPools;
  readonly isolate: IsolatePools;
  readonly #copy = new ViewCopy();
  #number = 0;

  constructor(layout = proxyLayout()) {
    this.isolate = new IsolatePools(this.#copy);
    this.isolate.use(layout);
    this.pools = this.session();
  }

  /** A chooser of another session. */
  session(): SessionPools {
    const ports: SessionPoolsPorts = {
      refresh: () => void this.refreshes++,
      emptied: (pool) => void this.emptied.push(pool),
    };
    return new SessionPools(this.isolate, ports);
  }

  /** The next view: these nodes are there. */
  up(...names: readonly string[]): this {
    return this.#next(names, "life");
  }

  /** The next view: these are there, in other lives. */
  replaced(...names: readonly string[]): this {
    return this.#next(names, "next life");
  }

  #next(names: readonly string[], life: string): this {
    this.#number++;
    const up = names.map((name) => ({ name, nodeType: "PROXY", nodeId: `${name} ${life}` }));
    this.#copy.take({
      type: "view",
      id: { life: "m", number: this.#number },
      base: undefined,
      up,
      down: [],
    });
    return this;
  }
}
