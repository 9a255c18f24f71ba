/** The layouts of a simulated cluster: what operators change while it runs. Always one that is valid. */
import { parseLayout, type Layout } from "../../../src/cluster/layout.ts";
import type { Random } from "../kit/random.ts";

/** A node of the world. */
export interface ModelNode {
  readonly name: string;
  readonly nodeType: "MANAGER" | "LOGGER" | "PROXY" | "WORKER";
  readonly place: "edge" | "remote";
}

/** Whether it is in the layout, and for a logger at the edge, whether it is enabled. */
interface Entry {
  readonly node: ModelNode;
  isIn: boolean;
  isEnabled: boolean;
}

export class LayoutModel {
  readonly #entries: readonly Entry[];
  layout: Layout;

  constructor(nodes: readonly ModelNode[]) {
    this.#entries = nodes.map((node) => ({ node, isIn: true, isEnabled: true }));
    this.layout = this.#parse();
  }

  /** Adds or removes a proxy, or enables or disables a logger at the edge. */
  change(random: Random): string {
    const proxies = this.#entries.filter(({ node }) => node.nodeType === "PROXY");
    const loggers = this.#entries.filter(({ node }) => node.nodeType === "LOGGER" && node.place === "edge");
    const entry = random.pick([...proxies, ...loggers]);
    const { name, nodeType } = entry.node;
    if (nodeType === "LOGGER") entry.isEnabled = !entry.isEnabled;
    else entry.isIn = !entry.isIn;
    this.layout = this.#parse();
    return `${name} is ${entry.isIn ? "in" : "out"}, ${entry.isEnabled ? "enabled" : "disabled"}`;
  }

  #parse(): Layout {
    const nodes = this.#entries
      .filter(({ isIn }) => isIn)
      .map(({ node, isEnabled }) => ({ ...node, ...(isEnabled ? {} : { enabled: false }) }));
    return parseLayout({ nodes });
  }
}
