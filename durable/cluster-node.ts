/**
 * ClusterNode: the object around the script engine (src/script/engine.ts) of one node that the fabric runs. Routers push
 * to it and it sleeps in between. What a turn takes in and what it brings about are one commit: positions, state,
 * schedule, and an outbox of publishes and log lines that is sent until acknowledged (rule 31).
 */
import { DurableObject } from "cloudflare:workers";
import { FabricError } from "../src/base/errors.ts";
import { LIMITS } from "../src/base/limits.ts";
import { FNV_OFFSET, fnvText } from "../src/cluster/fnv.ts";
import type { FrameOf, Gap, InstanceId } from "../src/protocol/frame.ts";
import { fromBytes } from "../src/protocol/topic.ts";
import { decodeSegment } from "../src/protocol/transcode.ts";
import { Placement, tableVersion } from "../src/routing/placement.ts";
import type { Script } from "../src/script/define.ts";
import type { ScriptEffect, ScriptReport } from "../src/script/effects.ts";
import { ScriptEngine } from "../src/script/engine.ts";
import type { Outcome } from "../src/script/zeek.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import { scriptsOf } from "../src/site/scripts.ts";
import type { Report } from "../src/membership/reports.ts";
import { SessionPools } from "../src/membership/pool-chooser.ts";
import { AlarmQueue } from "./alarm.ts";
import { NodeOutlook } from "./cluster-node-outlook.ts";
import { ClusterNodeTables } from "./cluster-node-tables.ts";
import { NodeTrunks } from "./cluster-node-trunks.ts";
import type { ObjectEnv } from "./env.ts";
import type { NodeCalls, Push, PushAnswer } from "./node-calls.ts";
import { openTrunk } from "./trunk.ts";
import { NodePools } from "./cluster-node-pools.ts";
import { Reporter } from "./reporter.ts";
import { trace } from "./trace.ts";

type NodeEnv = ObjectEnv &
  Pick<Env, "ROUTER" | "LOGGER" | "MEMBERSHIP" | "CLUSTER_LAYOUT"> & { readonly SELVEDGE_LIFE?: string };

/** Figures for metrics and tests. */
export interface ClusterNodeStat {
  readonly node: string;
  readonly nodeId: string;
  readonly scripts: readonly string[];
  /** Publishes and log batches that are not acknowledged. */
  readonly outbox: number;
}

export class ClusterNode extends DurableObject<NodeEnv> implements NodeCalls {
  readonly #name: string;
  readonly #nodeId: string;
  readonly #scripts: readonly Script[];
  readonly #tables: ClusterNodeTables;
  readonly #engine: ScriptEngine;
  readonly #reporter: Reporter;
  readonly #trunks: NodeTrunks;
  readonly #outlook: NodeOutlook;
  readonly #pools: NodePools;
  readonly #alarm: AlarmQueue<"schedule">;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSubscribed = false;
  /** The publisher of this node's outbox. */
  readonly #publisher: InstanceId;

  constructor(ctx: DurableObjectState, env: NodeEnv) {
    super(ctx, env);
    this.#name = ctx.id.name ?? "";
    const layout = deployedLayout(env.LAYOUT);
    this.#scripts = scriptsOf(layout.nodes, this.#name);
    this.#tables = new ClusterNodeTables(ctx.storage);
    const life = this.#tables.life(this.#fingerprint(), () => ({
      nodeId: crypto.randomUUID(),
      reader: fromBytes(crypto.getRandomValues(new Uint8Array(16))),
    }));
    this.#nodeId = life.nodeId;
    this.#engine = new ScriptEngine(
      { node: this.#name, nodeId: life.nodeId, cluster: layout, scripts: this.#scripts },
      this.#tables,
      this.#tables.stored(),
    );
    this.#reporter = new Reporter({ storage: ctx.storage, layout, env, guard: (step) => this.#guard(step) });
    this.#publisher = this.#reporter.instance;
    const placement = new Placement(layout.routers, layout.formerRouters);
    this.#trunks = new NodeTrunks(
      {
        node: this.#name,
        reader: life.reader,
        placement,
        stub: (router) => env.ROUTER.getByName(router),
        keep: (router, row) => this.#tables.putTrunk(router, row),
        delivered: (frame) => this.#delivered(frame),
        missed: (gap) => this.#missed(gap),
      },
      this.#tables.trunks(),
    );
    this.#outlook = new NodeOutlook({
      node: this.#name,
      env,
      deployed: layout,
      engine: this.#engine,
      changed: () =>
        void setImmediate(() => {
          this.#turn();
          this.#pools.viewed();
        }),
    });
    this.#pools = new NodePools({
      sql: ctx.storage.sql,
      // Scripts are told of an empty pool when they publish to it.
      chooser: new SessionPools(this.#outlook.pools, { refresh: () => {}, emptied: () => {} }),
      table: tableVersion(layout.routers),
      owner: (topic) => placement.owner(topic),
      open: async (router) => openTrunk(env.ROUTER.getByName(router)),
      guard: (step) => this.#guard(step),
      refused: ({ message }) => this.#engine.warn(message),
    });
    this.#alarm = new AlarmQueue(ctx.storage);
    this.#reporter.send();
    this.#pools.send();
    this.#arm();
    // The first turn knows who is there, unless Membership is out of reach.
    void ctx.blockConcurrencyWhile(async () =>
      Promise.race([this.#outlook.refresh(), waited(LIMITS.layoutWaitMs)]),
    );
  }

  /** A router has no trunk to this node: it runs, if it did not, and subscribes. */
  async attach(): Promise<void> {
    this.#turn();
    return Promise.resolve();
  }

  /**
   * Frames of a router. Resolves when all that they brought about is durable; throws `unavailable` while too much of
   * what the node has published and logged waits.
   */
  async push(router: string, pushes: readonly Push[]): Promise<PushAnswer> {
    if (this.#reporter.stat.waiting >= LIMITS.nodeOutboxMax) {
      throw new FabricError("unavailable", `${LIMITS.nodeOutboxMax} publishes and log batches wait`);
    }
    let answer: PushAnswer | undefined;
    this.#guard(() => (answer = this.#trunks.push(router, pushes)));
    this.#turn(router);
    this.#outlook.refreshIfOld();
    return Promise.resolve(answer!);
  }

  /** What is scheduled is due, and the node may have slept. */
  override async alarm(): Promise<void> {
    await this.#alarm.fire(
      Date.now(),
      () => this.#turn(),
      (error) => trace("node.alarm_failed", { node: this.#name, error: String(error) }),
    );
    this.#arm();
  }

  stat(): ClusterNodeStat {
    return {
      node: this.#name,
      nodeId: this.#nodeId,
      scripts: this.#scripts.map(({ name }) => name),
      outbox: this.#reporter.stat.waiting,
    };
  }

  /** Of what makes a life: the start of a local fabric, and the scripts as they are written. */
  #fingerprint(): string {
    const text = this.#scripts.map(({ name, setup }) => `${name}\n${String(setup)}`).join("\n");
    return `${this.env.SELVEDGE_LIFE ?? ""} ${fnvText(FNV_OFFSET, text) >>> 0}`;
  }

  #turn(router?: string): void {
    this.#guard(() => {
      const effects = this.#engine.turn(Date.now());
      this.ctx.storage.transactionSync(() => {
        this.#commit(effects);
        const row = router === undefined ? undefined : this.#trunks.rowOf(router);
        if (row !== undefined) this.#tables.putTrunk(router!, row);
      });
      this.#reporter.send();
      this.#pools.send();
      this.#subscribe(effects);
      for (const effect of effects) {
        if (effect.type === "when") void this.#start(effect.id, effect.operation);
        else if (effect.type === "report") this.#trace(effect.report);
        else if (effect.type === "viewDue") void this.#outlook.refresh();
      }
      this.#arm();
    });
  }

  #trace({ level, script, event: on, message }: ScriptReport): void {
    trace("script.report", { node: this.#name, level, script, on, message });
  }

  #commit(effects: readonly ScriptEffect[]): void {
    const publishes: Report[] = [];
    const lines = new Map<string, string[]>();
    for (const effect of effects) {
      if (effect.type === "persist") this.#tables.apply(effect.change);
      else if (effect.type === "publish" && effect.pool !== undefined) this.#pools.add(effect, effect.pool);
      else if (effect.type === "publish") publishes.push(effect);
      else if (effect.type === "log")
        lines.set(effect.stream, [...(lines.get(effect.stream) ?? []), effect.line]);
    }
    this.#reporter.add(publishes, "", []);
    for (const [stream, all] of lines) this.#reporter.add([], stream, all);
  }

  /** On a start, and when a handler has changed it. */
  #subscribe(effects: readonly ScriptEffect[]): void {
    const isChanged = effects.some(({ type }) => type === "subscribe" || type === "unsubscribe");
    if (this.#isSubscribed && !isChanged) return;
    this.#isSubscribed = true;
    // A node whose scripts are gone has nothing to hear.
    this.#trunks.subscribe(this.#scripts.length === 0 ? [] : this.#engine.prefixes);
  }

  #delivered({ frames }: FrameOf<"deliver">): void {
    for (const { publisher, segments } of frames) {
      // What this node has published is not for its own handlers.
      if (publisher === this.#publisher) continue;
      for (const segment of segments) {
        try {
          for (const event of decodeSegment(segment)) this.#engine.receive(event);
        } catch (error) {
          if (!(error instanceof FabricError)) throw error;
          trace("node.bad_events", { node: this.#name, code: error.code });
        }
      }
    }
  }

  #missed({ extent, from, to, reason }: Gap): void {
    const range = extent === "exact" ? `${to.seq - from.seq} frames` : "an unknown number of frames";
    this.#engine.warn(`events were missed: ${range} of ${to.router}, reason ${reason ?? "not known"}`);
  }

  async #start(id: number, operation: () => Promise<unknown>): Promise<void> {
    let outcome: Outcome<unknown>;
    try {
      outcome = { ok: true, value: await operation() };
    } catch (error) {
      outcome = { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
    }
    this.#engine.answered(id, outcome);
    this.#turn();
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      // Memory and storage may disagree now: start again from storage (rule 35).
      trace("node.turn_failed", { node: this.#name, error: String(error) });
      this.ctx.abort("turn failed");
      throw error;
    }
  }

  /** An alarm wakes a node that sleeps; a timer keeps it awake for operations that are waited for. */
  #arm(): void {
    this.#alarm.set("schedule", this.#engine.scheduledMs);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { deadlineMs, isWaiting } = this.#engine;
    if (!isWaiting || deadlineMs === undefined) return;
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, deadlineMs - Date.now()));
  }
}

async function waited(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
  });
}
