/**
 * What a ClusterNode knows of the cluster around it: the view of Membership, and the layout with what operators changed
 * of it at run time. It asks for both when it starts, when an event says that nodes came or went, and now and then
 * while it is busy. Without an answer it goes on with what it has.
 */
import { LIMITS } from "../src/base/limits.ts";
import { layoutInForce } from "../src/cluster/layout-document.ts";
import type { Layout } from "../src/cluster/layout.ts";
import { MEMBERSHIP_NAME } from "../src/membership/heartbeat.ts";
import { ViewCopy } from "../src/membership/view-copy.ts";
import type { ScriptEngine } from "../src/script/engine.ts";
import { IsolatePools } from "../src/membership/pool-chooser.ts";
import { clusterLayout } from "./cluster-layout-proxy.ts";
import { trace } from "./trace.ts";

export interface NodeOutlookPorts {
  readonly node: string;
  readonly env: Pick<Env, "MEMBERSHIP" | "CLUSTER_LAYOUT">;
  readonly deployed: Layout;
  readonly engine: Pick<ScriptEngine, "view" | "layout">;
  /** The engine has been told something. */
  changed(): void;
}

export class NodeOutlook {
  readonly #ports: NodeOutlookPorts;
  readonly #views = new ViewCopy();
  /** The pools as it knows them. */
  readonly pools = new IsolatePools(this.#views);
  #epoch = 0;
  #readMs = -Infinity;
  #isReading = false;
  /** Whether something has changed since the reading began that is under way. */
  #isStale = false;

  constructor(ports: NodeOutlookPorts) {
    this.#ports = ports;
    this.pools.use(ports.deployed);
  }

  /** Reads both again. Never rejects. */
  async refresh(): Promise<void> {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isStale) {
      this.#isStale = false;
      this.#readMs = Date.now();
      await Promise.all([this.#try(async () => this.#view()), this.#try(async () => this.#layout())]);
    }
    this.#isReading = false;
  }

  /** To be called by a node that is busy: what was read may be `LIMITS.layoutCacheMs` old. */
  refreshIfOld(): void {
    if (Date.now() - this.#readMs >= LIMITS.layoutCacheMs) void this.refresh();
  }

  async #view(): Promise<void> {
    const { env, engine } = this.#ports;
    const view = await env.MEMBERSHIP.getByName(MEMBERSHIP_NAME).view();
    const taken = this.#views.take(view);
    if (typeof taken !== "object") return;
    engine.view(view.id, taken);
    this.#ports.changed();
  }

  async #layout(): Promise<void> {
    const { env, engine, deployed } = this.#ports;
    const document = await clusterLayout(env.CLUSTER_LAYOUT).read();
    if (document.epoch <= this.#epoch) return;
    this.#epoch = document.epoch;
    const { layout } = layoutInForce(deployed, document);
    engine.layout(layout);
    this.pools.use(layout);
    this.#ports.changed();
  }

  async #try(read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      trace("node.no_outlook", { node: this.#ports.node, error: String(error) });
    }
  }
}
