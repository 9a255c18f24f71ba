/** Nodes with scripts, in memory: engines whose publishes go to the nodes that subscribe to the topic. */
import type { ClusterSetup } from "../../src/script/cluster-view.ts";
import { parseLayout } from "../../src/cluster/layout.ts";
import { isMatch, textOf, type Topic } from "../../src/protocol/topic.ts";
import { defineScript, type Script } from "../../src/script/define.ts";
import type { ScriptEffect, ScriptReport } from "../../src/script/effects.ts";
import { ScriptEngine, type EngineOptions } from "../../src/script/engine.ts";
import { MemoryNode } from "../../src/script/memory-node.ts";
import type { Zeek } from "../../src/script/zeek.ts";
import type { FabricEvent } from "../../src/protocol/event.ts";

/** One manager, two proxies and two workers, as layouts write them. */
export const NODES = [
  { name: "manager", nodeType: "MANAGER" },
  { name: "proxy-1", nodeType: "PROXY", place: "remote" },
  { name: "proxy-2", nodeType: "PROXY", place: "remote" },
  { name: "worker-1", nodeType: "WORKER" },
  { name: "worker-2", nodeType: "WORKER" },
];

export function clusterOf(nodes: readonly object[] = NODES, more: object = {}): ClusterSetup {
  return parseLayout({ nodes, ...more });
}

export interface Published {
  readonly topic: string;
  readonly event: FabricEvent;
}

/** One node and all that its scripts did. */
export class ScriptNode {
  readonly options: EngineOptions;
  readonly memory: MemoryNode;
  engine: ScriptEngine;
  nowMs = 1_000;
  readonly published: Published[] = [];
  readonly logs: { readonly stream: string; readonly line: string }[] = [];
  readonly reports: ScriptReport[] = [];
  readonly whens: Extract<ScriptEffect, { type: "when" }>[] = [];
  readonly prefixes: string[];
  viewsDue = 0;

  constructor(options: Partial<EngineOptions> & Pick<EngineOptions, "scripts">, memory = new MemoryNode()) {
    this.options = { node: "manager", nodeId: "id-1", cluster: clusterOf(), ...options };
    this.memory = memory;
    this.engine = new ScriptEngine(this.options, memory, memory.stored);
    this.prefixes = this.engine.prefixes.map(textOf);
  }

  /** What it did in this turn. */
  turn(nowMs = this.nowMs): readonly ScriptEffect[] {
    this.nowMs = nowMs;
    const effects = this.engine.turn(nowMs);
    for (const effect of effects) this.#take(effect);
    return effects;
  }

  receive(name: string, ...args: FabricEvent["args"]): this {
    this.engine.receive({ name, args, metadata: [] });
    this.turn();
    return this;
  }

  /** The same node after its memory is gone: its scripts are set up again. */
  restarted(): ScriptNode {
    return new ScriptNode(this.options, this.memory);
  }

  get messages(): readonly string[] {
    return this.reports.map(({ message }) => message);
  }

  isSubscribed(topic: Topic): boolean {
    return this.engine.prefixes.some((prefix) => isMatch(prefix, topic));
  }

  #take(effect: ScriptEffect): void {
    switch (effect.type) {
      case "persist":
        return this.memory.apply(effect.change);
      case "publish":
        this.published.push({ topic: textOf(effect.topic), event: effect.event });
        return;
      case "log":
        this.logs.push(effect);
        return;
      case "report":
        this.reports.push(effect.report);
        return;
      case "when":
        this.whens.push(effect);
        return;
      case "subscribe":
        this.prefixes.push(textOf(effect.prefix));
        return;
      case "unsubscribe":
        this.prefixes.splice(this.prefixes.indexOf(textOf(effect.prefix)), 1);
        return;
      case "viewDue":
        this.viewsDue++;
        return;
      case "layoutDue":
    }
  }
}

/** A node that runs one script. */
export function nodeWith(setup: (zeek: Zeek) => void, options: Partial<EngineOptions> = {}): ScriptNode {
  return new ScriptNode({ scripts: [defineScript("test", setup)], ...options });
}

/** All nodes of a layout, each with the same scripts, as a cluster in which every node is up. */
export class ScriptCluster {
  readonly nodes = new Map<string, ScriptNode>();
  readonly #lives = new Map<string, number>();
  #view = 0;

  constructor(scripts: readonly Script[], cluster: ClusterSetup = clusterOf()) {
    for (const { name } of cluster.nodes) {
      this.nodes.set(name, new ScriptNode({ node: name, nodeId: `${name} life 1`, cluster, scripts }));
      this.#lives.set(name, 1);
    }
    const up = [...this.nodes.values()].map(lifeOf);
    this.#tell({ down: [], up });
  }

  node(name: string): ScriptNode {
    return this.nodes.get(name)!;
  }

  /** The node is gone. */
  down(name: string): void {
    const gone = this.node(name);
    this.nodes.delete(name);
    this.#tell({ down: [lifeOf(gone)], up: [] });
  }

  /** Another life of a node that was gone. */
  up(name: string, like: ScriptNode): void {
    const life = this.#lives.get(name)! + 1;
    this.#lives.set(name, life);
    const node = new ScriptNode({ ...like.options, node: name, nodeId: `${name} life ${life}` });
    this.nodes.set(name, node);
    const others = [...this.nodes.values()].filter((other) => other !== node);
    node.engine.view({ life: "m", number: this.#view + 1 }, { down: [], up: others.map(lifeOf) });
    this.#tell({ down: [], up: [lifeOf(node)] });
  }

  /** Turns until nobody has anything to say. */
  settle(nowMs = 1_000): void {
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true;
      for (const [name, node] of this.nodes) {
        if (node.engine.isPending || (node.engine.deadlineMs ?? Infinity) <= nowMs) isQuiet = false;
        for (const effect of node.turn(nowMs)) {
          if (effect.type === "publish") this.#route(name, effect.topic, effect.event);
        }
      }
    }
  }

  #route(from: string, topic: Topic, event: FabricEvent): void {
    for (const [name, node] of this.nodes) {
      if (name !== from && node.isSubscribed(topic)) node.engine.receive(event);
    }
  }

  #tell(change: Parameters<ScriptEngine["view"]>[1]): void {
    this.#view++;
    for (const node of this.nodes.values()) node.engine.view({ life: "m", number: this.#view }, change);
    this.settle();
  }
}

function lifeOf(node: ScriptNode): { readonly name: string; readonly nodeId: string } {
  return { name: node.options.node, nodeId: node.options.nodeId };
}
