/** An isolate of the Worker: its sessions share one copy of the view and one of the pools, and die together. */
import type { Layout } from "../../../src/cluster/layout.ts";
import type { ViewCopy } from "../../../src/membership/view-copy.ts";
import { IsolatePools } from "../../../src/membership/pool-chooser.ts";
import type { PoolAudit } from "./pool-audit.ts";
import type { ClusterSession } from "./session-host.ts";

export class Isolate {
  readonly name: string;
  readonly views: ViewCopy;
  readonly pools: IsolatePools;
  readonly #audit: PoolAudit;
  readonly #sessions = new Set<ClusterSession>();
  layout: Layout;

  constructor(name: string, views: ViewCopy, layout: Layout, audit: PoolAudit) {
    this.name = name;
    this.views = views;
    this.#audit = audit;
    this.layout = layout;
    this.pools = new IsolatePools(views);
    this.pools.use(layout);
  }

  get sessions(): readonly ClusterSession[] {
    for (const session of this.#sessions) if (!session.isUp) this.#sessions.delete(session);
    return [...this.#sessions];
  }

  /** Whether one of its sessions is told of every view. */
  get isWatching(): boolean {
    return this.sessions.some(({ isWatching }) => isWatching);
  }

  add(session: ClusterSession): void {
    this.#sessions.add(session);
  }

  /** What operators changed reaches it. */
  use(layout: Layout): void {
    this.layout = layout;
    this.pools.use(layout);
    this.viewed();
    for (const session of this.sessions) session.viewChanged();
  }

  /** There may be another view. */
  viewed(): void {
    this.#audit.look(this);
  }

  die(): void {
    for (const session of this.sessions) session.crash("death with its isolate");
  }
}
