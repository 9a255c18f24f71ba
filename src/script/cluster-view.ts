/**
 * The cluster as one node sees it: the layout, who is connected, and the pools. Nodes at the edge count as alive in
 * pools whether they are awake or not: an event wakes them.
 */
import type { Layout } from "../cluster/layout.ts";
import { poolsWith } from "../cluster/layout-pools.ts";
import type { PoolEntry } from "../cluster/pool-spec.ts";
import { PoolViews } from "../cluster/pool-views.ts";
import { Pools } from "../cluster/pools.ts";
import { aliveNodes, subscriptionsOf } from "../cluster/roles.ts";
import type { NodeEntry, NodeId, NodeType } from "../cluster/node.ts";
import { nodeTopic, nodeidTopic, type TopicNames } from "../cluster/topic-names.ts";
import type { PoolSet } from "../cluster/pool-setup.ts";
import type { ViewId } from "../protocol/member-frame.ts";
import { textOf } from "../protocol/topic.ts";
import type { NodeInfo } from "./zeek.ts";

/** What of a layout concerns scripts. */
export type ClusterSetup = Pick<
  Layout,
  "nodes" | "pools" | "topicNames" | "managerIsLogger" | "hrwGeneration"
>;

/** One life of a node that is connected. */
export interface NodeLife {
  readonly name: string;
  readonly nodeId: string;
}

/** Who came and who went, as a view of Membership has it: departures first. */
export interface ViewChange {
  readonly down: readonly NodeLife[];
  readonly up: readonly NodeLife[];
}

/** Before the first view of Membership: the nodes at the edge are alive, and this one is. */
const NO_VIEW: ViewId = { life: "none", number: 0 };

export class ClusterView {
  readonly node: string;
  readonly nodeId: string;
  #registered: readonly PoolEntry[] = [];
  #setup: ClusterSetup;
  #byName = new Map<string, NodeEntry>();
  #pools: Pools | undefined;
  #view: ViewId = NO_VIEW;
  readonly #ids = new Map<string, string>();
  #nodes: ReadonlyMap<string, NodeInfo> | undefined;

  /** `node` "": outside a cluster, where no pool has nodes. Throws `invalid_layout` for pools that cannot be set up. */
  constructor(node: string, nodeId: string, setup: ClusterSetup) {
    this.node = node;
    this.nodeId = nodeId;
    this.#setup = setup;
    this.layout(setup);
  }

  /** Adds pools of scripts. Throws as the constructor does. */
  register(pools: readonly PoolEntry[]): void {
    this.#registered = pools;
    this.layout(this.#setup);
  }

  /** Takes another layout. Throws as the constructor does. */
  layout(setup: ClusterSetup): void {
    const nodes = this.node === "" ? [] : setup.nodes;
    const set = poolsWith({ ...setup, nodes }, this.#registered);
    this.#setup = setup;
    this.#byName = new Map(setup.nodes.map((entry) => [entry.name, entry]));
    this.#pools ??= new Pools(new PoolViews(set));
    this.#advance(this.#view, set);
  }

  /** Takes who came and went, and returns those whose life is news: `up` and `down` never name this node. */
  take(id: ViewId, { down, up }: ViewChange): ViewChange {
    const isOther = ({ name }: NodeLife) => name !== this.node;
    const gone = down.filter((life) => isOther(life) && this.#ids.get(life.name) === life.nodeId);
    for (const { name } of gone) this.#ids.delete(name);
    const come = up.filter((life) => isOther(life) && this.#ids.get(life.name) !== life.nodeId);
    for (const { name, nodeId } of come) this.#ids.set(name, nodeId);
    this.#advance(id);
    return { down: gone, up: come };
  }

  get pools(): Pools {
    return this.#pools!;
  }

  get names(): TopicNames {
    return this.#setup.topicNames;
  }

  get isEnabled(): boolean {
    return this.node !== "";
  }

  /** NONE for a node that the layout does not have. */
  get nodeType(): NodeType {
    return this.#byName.get(this.node)?.nodeType ?? "NONE";
  }

  /** The table of nodes. Made anew after each change of it. */
  get nodes(): ReadonlyMap<string, NodeInfo> {
    return (this.#nodes ??= new Map(
      this.#setup.nodes.map(({ name, nodeType, place, ip, port, manager }) => {
        const id = name === this.node ? this.nodeId : this.#ids.get(name);
        const info: NodeInfo = {
          nodeType,
          place,
          ...(ip === undefined ? {} : { ip }),
          ...(port === undefined ? {} : { port }),
          ...(manager === undefined ? {} : { manager }),
          ...(id === undefined ? {} : { id }),
        };
        return [name, info];
      }),
    ));
  }

  nodeCount(type: NodeType): number {
    return this.#setup.nodes.filter(({ nodeType }) => nodeType === type).length;
  }

  /** Connected nodes of a type, this one not counted. */
  activeCount(type: NodeType): number {
    let count = 0;
    for (const name of this.#ids.keys()) if (this.#byName.get(name)?.nodeType === type) count++;
    return count;
  }

  /** The node of a pool that has this topic, as text; undefined for a pool that only scripts know. */
  layoutNodeAt(pool: string, topic: string): string | undefined {
    if (this.#registered.some(({ name }) => name === pool)) return undefined;
    return this.pools.views.of(pool).pool.nodes.find((node) => textOf(node.topic) === topic)?.name;
  }

  /** What the node subscribes to by its role, and for the pools that scripts have registered; as text. */
  get prefixes(): readonly string[] {
    const entry = this.#byName.get(this.node);
    if (!this.isEnabled) return [];
    if (entry === undefined)
      return [nodeTopic(this.names, this.node), nodeidTopic(this.names, this.nodeId)].map(textOf);
    const byRole = subscriptionsOf(this.#setup, entry, this.nodeId as NodeId);
    const scripted = this.#registered
      .map(({ name }) => this.pools.views.of(name).pool)
      .filter(({ nodes }) => nodes.some(({ name }) => name === this.node))
      .map(({ spec }) => spec.topic);
    return [...new Set([...byRole, ...scripted].map(textOf))];
  }

  #advance(view: ViewId, set?: PoolSet): void {
    const connected = [...this.#ids.keys(), this.node];
    this.#view = view;
    this.pools.views.advance(view, aliveNodes(this.#setup, connected), set);
    this.#nodes = undefined;
  }
}
