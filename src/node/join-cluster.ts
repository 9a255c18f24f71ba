/** A process or a browser tab as a node of the cluster: the same scripts as at the edge, over one native connection. */
import { FabricError } from "../base/errors.ts";
import type { NodeType } from "../cluster/node.ts";
import { textOf } from "../protocol/topic.ts";
import type { Script } from "../script/define.ts";
import type { ScriptEffect, ScriptReport } from "../script/effects.ts";
import type { ClusterSetup } from "../script/cluster-view.ts";
import { ScriptEngine } from "../script/engine.ts";
import { MemoryNode } from "../script/memory-node.ts";
import type { Outcome } from "../script/zeek.ts";
import type { Client } from "../sdk/client.ts";
import { connect } from "../sdk/connect.ts";
import { toValue, type Argument } from "../sdk/values.ts";
import { readSetup } from "./layout.ts";
import { Settler } from "./settler.ts";
import { ClientMembership } from "./membership.ts";
import { NodeSubscriptions } from "./subscriptions.ts";

export interface JoinOptions {
  /** Name of the node; the layout has it, unless it has no remote nodes. */
  readonly name: string;
  /** By default what the layout says; "WORKER" for a name that it does not have. */
  readonly nodeType?: NodeType | undefined;
  readonly scripts: readonly Script[];
  /** Bearer token that speaks for the node. */
  readonly token?: string | undefined;
  /** What goes wrong in a script; it goes to the stream `reporter` too. */
  readonly report?: ((report: ScriptReport) => void) | undefined;
  /** Each record that the scripts log, as its JSON line, beside its way to the loggers. */
  readonly logged?: ((stream: string, line: string) => void) | undefined;
}

/**
 * Joins, and runs the scripts until `close`. Resolves when the node is up, knows who else is, and `zeek_init` has run.
 * Throws what `connect` throws, `unknown_node`, `forbidden` and `invalid_layout`.
 *
 * @example
 * await using node = await joinCluster("http://127.0.0.1:8787", { name: "worker-1", scripts: [scan] });
 */
export async function joinCluster(url: string | URL, options: JoinOptions): Promise<ClusterProcess> {
  const { name, token } = options;
  const setup = await readSetup(String(url), token);
  const nodeType = options.nodeType ?? setup.nodes.find((node) => node.name === name)?.nodeType ?? "WORKER";
  const client = await connect(url, { name, nodeType, token });
  try {
    const node = new ClusterProcess(client, options, nodeType, async () => readSetup(String(url), token));
    await node.start(setup);
    return node;
  } catch (error) {
    client.abort();
    throw error;
  }
}

export class ClusterProcess implements AsyncDisposable {
  readonly #client: Client;
  readonly #options: JoinOptions;
  /** Reads the layout in force. */
  readonly #layout: () => Promise<ClusterSetup>;
  readonly #memory = new MemoryNode();
  readonly #membership: ClientMembership;
  readonly #subscriptions: NodeSubscriptions;
  readonly #early: (() => void)[] = [];
  readonly #ended = Promise.withResolvers<FabricError | undefined>();
  #engine: ScriptEngine | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The turn that takes what gathers; whether it has published or logged something. */
  #next: Promise<boolean> | undefined;
  readonly #settler = new Settler(async () => this.#settle());

  /** Use `joinCluster`. */
  constructor(client: Client, options: JoinOptions, nodeType: NodeType, layout: () => Promise<ClusterSetup>) {
    this.#client = client;
    this.#options = options;
    this.#layout = layout;
    // An event is consumed when what its turn has published and logged is acknowledged: until then its sender keeps it,
    // if it is for one node of a pool.
    this.#subscriptions = new NodeSubscriptions(client, async ({ name, args, metadata }) => {
      const isSent = await this.#input((engine) => engine.receive({ name, args, metadata }));
      if (isSent) await this.#settler.settled();
    });
    this.#membership = new ClientMembership(client, options.name, nodeType, {
      changed: (view, change) => void this.#input((engine) => engine.view(view, change)),
      ended: (error) => this.#end(error),
    });
    client.on("gap", ({ extent, from, to, reason }) => {
      const range = extent === "exact" ? `${to.seq - from.seq} frames` : "an unknown number of frames";
      void this.#input((engine) =>
        engine.warn(`events were missed: ${range} of ${to.router}, reason ${reason ?? "not known"}`),
      );
    });
    client.on("close", (error) => this.#end(error));
  }

  /** @internal */
  async start(cluster: ClusterSetup): Promise<void> {
    const nodeId = await this.#membership.joined();
    const { name: node, scripts } = this.#options;
    const engine = new ScriptEngine({ node, nodeId, cluster, scripts }, this.#memory, this.#memory.stored);
    this.#engine = engine;
    for (const input of this.#early.splice(0)) input();
    await Promise.all(engine.prefixes.map(async (prefix) => this.#subscriptions.add(prefix)));
    this.#turn();
    await this.#client.flush();
  }

  /** Resolves when the node has ended: to the error that ended it, or undefined after `close`. */
  get ended(): Promise<FabricError | undefined> {
    return this.#ended.promise;
  }

  /** Raises an event on this node: its scripts handle it as if one of them had raised it. */
  raise(name: string, ...args: readonly Argument[]): void {
    const event = { name, args: args.map(toValue), metadata: [] };
    void this.#input((engine) => engine.raise(event));
  }

  /** Resolves when everything that came before is handled, and what the scripts published is acknowledged. */
  async flush(): Promise<void> {
    this.#turn();
    await Promise.all([this.#client.flush(), this.#client.pools.idle()]);
  }

  /** Raises `zeek_done`, sends what waits, and leaves the cluster. */
  async close(): Promise<void> {
    if (this.#engine !== undefined && this.#client.status !== "closed") {
      this.#engine.done();
      this.#turn();
      // What came before is consumed: its senders need not send it to others.
      await this.#settler.settled();
    }
    this.#end(undefined);
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What comes before the scripts are set up waits for them; after it, one turn takes what gathers. */
  async #input(step: (engine: ScriptEngine) => void): Promise<boolean> {
    if (this.#engine === undefined) {
      this.#early.push(() => step(this.#engine!));
      return false;
    }
    step(this.#engine);
    this.#next ??= Promise.resolve().then(() => this.#turn());
    return this.#next;
  }

  #turn(): boolean {
    this.#next = undefined;
    const engine = this.#engine;
    if (engine === undefined) return false;
    const effects = engine.turn(Date.now());
    for (const effect of effects) this.#do(effect);
    clearTimeout(this.#timer);
    const { deadlineMs } = engine;
    if (deadlineMs !== undefined) {
      // A timer holds 31 bits; one that comes early finds nothing due and is set again.
      const waitMs = Math.min(Math.max(1, deadlineMs - Date.now()), 2 ** 31 - 1);
      this.#timer = setTimeout(() => this.#turn(), waitMs);
    }
    return effects.some(({ type }) => type === "publish" || type === "log");
  }

  /** Resolves when what was published and logged is acknowledged, or was refused, which is reported. */
  async #settle(): Promise<void> {
    const ends = await Promise.allSettled([this.#client.flush(), this.#client.logs.flush()]);
    for (const end of ends) if (end.status === "rejected") this.#warn(end.reason);
  }

  #do(effect: ScriptEffect): void {
    switch (effect.type) {
      case "persist":
        return this.#memory.apply(effect.change);
      case "publish":
        return this.#attempt(() => this.#publish(effect));
      case "log":
        this.#options.logged?.(effect.stream, effect.line);
        return this.#attempt(() => this.#client.logs.write(effect.stream, effect.record));
      case "subscribe":
        return void this.#subscriptions.add(effect.prefix).catch((error: unknown) => this.#warn(error));
      case "unsubscribe":
        return void this.#subscriptions.remove(effect.prefix).catch((error: unknown) => this.#warn(error));
      case "when":
        return void this.#start(effect.id, effect.operation);
      case "report":
        return this.#options.report?.(effect.report);
      case "layoutDue":
        return void this.#readLayout();
      case "viewDue":
        // Views come by themselves.
        return;
    }
  }

  /** An event for one node of a pool goes by the session, which keeps it until it is handled. */
  #publish({ topic, event: { name, args }, pool: target }: Extract<ScriptEffect, { type: "publish" }>): void {
    const { pools } = this.#client;
    if (target === undefined) return this.#client.publish(textOf(topic), name, args);
    const { pool } = target;
    const done =
      target.choice === "hrw"
        ? pools.publishHrw(pool, target.key, name, args)
        : pools.publishTo(pool, target.node, name, args);
    done.catch((error: unknown) => this.#warn(error));
  }

  async #readLayout(): Promise<void> {
    try {
      this.#engine?.layout(await this.#layout());
    } catch (error) {
      this.#warn(error);
    }
  }

  async #start(id: number, operation: () => Promise<unknown>): Promise<void> {
    let outcome: Outcome<unknown>;
    try {
      outcome = { ok: true, value: await operation() };
    } catch (error) {
      outcome = { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
    }
    void this.#input((engine) => engine.answered(id, outcome));
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(error: unknown): void {
    if (!(error instanceof FabricError)) throw error;
    if (this.#client.status !== "closed") void this.#input((engine) => engine.warn(error.message));
  }

  #end(error: FabricError | undefined): void {
    clearTimeout(this.#timer);
    this.#membership.close();
    this.#ended.resolve(error);
    if (error !== undefined) this.#client.abort();
  }
}
