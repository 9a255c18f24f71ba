/** Nodes of a running fabric inside the test's process: each with its scripts, and everything that they said. */
import { expect } from "vitest";
import { joinCluster, type ClusterProcess } from "../../src/node/join-cluster.ts";
import { defineScript, type Script } from "../../src/script/define.ts";
import type { Zeek } from "../../src/script/zeek.ts";
import { connect, type Client } from "../../src/sdk/index.ts";

/** Views come once a second. */
export const WITHIN = { timeout: 30_000, interval: 20 };

/** A record that a node has logged. */
export interface Logged {
  readonly node: string;
  readonly stream: string;
  readonly record: Readonly<Record<string, unknown>>;
}

export class RunningCluster implements AsyncDisposable {
  readonly url: string;
  readonly nodes = new Map<string, ClusterProcess>();
  /** What a script of each node is given. */
  readonly zeeks = new Map<string, Zeek>();
  readonly logged: Logged[] = [];
  readonly reports: string[] = [];
  readonly operator: Client;
  readonly #scripts: readonly Script[];

  private constructor(url: string, operator: Client, scripts: readonly Script[]) {
    this.url = url;
    this.operator = operator;
    this.#scripts = scripts;
  }

  /** Joins all of them with the same scripts; resolves when each sees the others. */
  static async of(url: string, names: readonly string[], ...scripts: Script[]): Promise<RunningCluster> {
    const cluster = new RunningCluster(url, await connect(url), scripts);
    await Promise.all(names.map(async (name) => cluster.join(name)));
    await cluster.settled();
    return cluster;
  }

  async join(name: string, ...more: Script[]): Promise<ClusterProcess> {
    const spy = defineScript("spy", (zeek) => void this.zeeks.set(name, zeek));
    const node = await joinCluster(this.url, {
      name,
      scripts: [...this.#scripts, ...more, spy],
      report: ({ message }) => this.reports.push(`${name}: ${message}`),
      logged: (stream, line) => {
        this.logged.push({ node: name, stream, record: JSON.parse(line) as Logged["record"] });
      },
    });
    this.nodes.set(name, node);
    return node;
  }

  async leave(name: string): Promise<void> {
    await this.nodes.get(name)!.close();
    this.nodes.delete(name);
    this.zeeks.delete(name);
  }

  zeek(name: string): Zeek {
    return this.zeeks.get(name)!;
  }

  /** Resolves when every node sees exactly these others connected. */
  async settled(): Promise<void> {
    const wanted = [...this.nodes.keys()].toSorted().join(" ");
    const seen = (zeek: Zeek) =>
      [...zeek.nodes]
        .flatMap(([name, { id }]) => (id === undefined ? [] : [name]))
        .toSorted()
        .join(" ");
    await expect
      .poll(() => [...this.zeeks.values()].every((zeek) => seen(zeek) === wanted), WITHIN)
      .toBe(true);
  }

  /** Raises an event on nodes, by default all, through their node topics. */
  async tell(event: string, names: Iterable<string> = this.nodes.keys()): Promise<void> {
    for (const name of names) this.operator.publish(this.zeek(name).nodeTopic(name), event);
    await this.operator.flush();
  }

  /** What they wrote to the cluster log, as "NODE MESSAGE". */
  get said(): readonly string[] {
    return this.logsOf("cluster").map(({ node, record }) => `${node} ${String(record["message"])}`);
  }

  /** What nodes have written to a stream. */
  logsOf(stream: string): readonly Logged[] {
    return this.logged.filter((log) => log.stream === stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.nodes.values()].map(async (node) => node.close()));
    await this.operator.close();
  }
}
