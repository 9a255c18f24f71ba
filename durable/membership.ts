/**
 * Membership: the object around the engine of src/membership/membership.ts. It accepts trunks, applies each turn
 * (storage first, then sends) and lets the runtime answer heartbeats, so that they neither wake nor cost it.
 */
import { DurableObject } from "cloudflare:workers";
import { Gather } from "../src/base/gather.ts";
import { LIMITS } from "../src/base/limits.ts";
import { HEARTBEAT } from "../src/membership/heartbeat.ts";
import { Membership as Engine } from "../src/membership/membership.ts";
import type { MembershipCommit, TrunkState } from "../src/membership/membership-state.ts";
import { clientEvent, clientMessage, type ClientReport } from "../src/membership/client-reports.ts";
import {
  CLUSTER_STREAM,
  clusterLogLine,
  clusterLogLines,
  layoutReports,
  reportsOf,
  type ReportTopics,
} from "../src/membership/reports.ts";
import { broadcastTopics, nodeidTopic, nodeTopic } from "../src/cluster/topic-names.ts";
import type { Layout } from "../src/cluster/layout.ts";
import { layoutPools } from "../src/cluster/layout-pools.ts";
import type { NodeName } from "../src/cluster/node.ts";
import { moveMessage, poolMove } from "../src/cluster/pool-move.ts";
import { PoolViews } from "../src/cluster/pool-views.ts";
import { aliveNodes } from "../src/cluster/roles.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import type { Topic } from "../src/protocol/topic.ts";
import type { Member, ViewFrame } from "../src/protocol/member-frame.ts";
import { AlarmQueue } from "./alarm.ts";
import type { ObjectEnv } from "./env.ts";
import { MembershipTables } from "./membership-tables.ts";
import { Reporter } from "./reporter.ts";
import { Sockets } from "./sockets.ts";
import { trace } from "./trace.ts";

/** Figures for metrics and tests. */
export interface MembershipStat {
  readonly view: number;
  readonly nodes: number;
  readonly watchers: number;
  readonly trunks: number;
  /** Publishes and log batches that wait, and those that found no room. */
  readonly reports: { readonly waiting: number; readonly dropped: number };
}

type MembershipEnv = ObjectEnv & Pick<Env, "ROUTER" | "LOGGER">;

export class Membership extends DurableObject<MembershipEnv> {
  readonly #tables: MembershipTables;
  readonly #sockets: Sockets;
  readonly #engine: Engine;
  readonly #gather = new Gather(
    (task) => void setImmediate(task),
    () => this.#turn(),
  );
  readonly #reporter: Reporter;
  readonly #topics: ReportTopics & { readonly node: (name: string) => Topic };
  readonly #alarm: AlarmQueue<"check">;
  /** The pools of the deployed layout. */
  readonly #pools: PoolViews;
  readonly #nodes: Pick<Layout, "nodes">;
  /** When the cluster log was told that a pool is empty, ms. */
  readonly #emptyMs = new Map<string, number>();
  #clients: { readonly report: ClientReport; readonly manager: string; readonly atMs: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(ctx: DurableObjectState, env: MembershipEnv) {
    super(ctx, env);
    this.#tables = new MembershipTables(ctx.storage, () => crypto.randomUUID());
    this.#sockets = new Sockets(ctx);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(HEARTBEAT.ask, HEARTBEAT.answer));
    this.#engine = new Engine(
      this.#tables.load(),
      this.#sockets.attachments<TrunkState>(),
      (trunk) => this.#sockets.lastAutoResponseMs(trunk),
      Date.now(),
    );
    const layout = deployedLayout(env.LAYOUT);
    const { topicNames } = layout;
    this.#topics = {
      broadcast: broadcastTopics(topicNames),
      node: (name) => nodeTopic(topicNames, name),
      nodeid: (nodeId) => nodeidTopic(topicNames, nodeId),
    };
    this.#nodes = layout;
    this.#pools = new PoolViews(layoutPools(layout));
    this.#pools.advance(this.#engine.view.id, this.#alive());
    const guard = (step: () => void) => this.#guard(step);
    this.#reporter = new Reporter({ storage: ctx.storage, layout, env, guard });
    this.#reporter.send();
    this.#alarm = new AlarmQueue(ctx.storage);
    this.#armAlarm();
    this.#gather.dueLater();
  }

  /** A trunk: the upgrade of a session's WebSocket. */
  override fetch(request: Request): Response {
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    return this.#sockets.accept(crypto.randomUUID());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : new Uint8Array(message);
    this.#guard(() => this.#engine.receive(this.#sockets.idOf(socket), bytes));
    this.#gather.due();
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#engine.closed(this.#sockets.idOf(socket), code);
    this.#sockets.closed(socket, code, reason);
    this.#gather.due();
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket, 1011, "error");
  }

  /** Starts an object that died while nodes were there: they are down when they do not come back. */
  override async alarm(): Promise<void> {
    await this.#alarm.fire(
      Date.now(),
      () => this.#turn(),
      (error) => trace("membership.alarm_failed", { error: String(error) }),
    );
    this.#armAlarm();
  }

  /** The nodes that are there. */
  nodes(): readonly Member[] {
    return this.#engine.members;
  }

  /** The last view, for nodes that the fabric runs: they are told by an event that there is another. */
  view(): ViewFrame {
    return this.#engine.view;
  }

  /**
   * What became of a client of Zeek's WebSocket API: told to the manager, at its node topic, and to the cluster log, with
   * what else comes within `LIMITS.viewMs`. Resolves at once.
   */
  clientChanged(report: ClientReport, manager: string): void {
    if (this.#clients.length >= LIMITS.clientReportsMax) return this.#reporter.drop();
    this.#clients.push({ report, manager, atMs: Date.now() });
    if (this.#clients.length === 1) setTimeout(() => this.#guard(() => this.#reportClients()), LIMITS.viewMs);
  }

  /** A choice found no live node in a pool: the cluster log is warned, once in `LIMITS.poolWarnMs`. */
  poolEmpty(pool: string): void {
    const nowMs = Date.now();
    const isKnown = this.#pools.set.pools.some(({ spec }) => spec.name === pool);
    if (!isKnown || nowMs - (this.#emptyMs.get(pool) ?? -Infinity) < LIMITS.poolWarnMs) return;
    this.#emptyMs.set(pool, nowMs);
    const line = clusterLogLine(
      `warning: no node of pool ${pool} is alive, events for it are refused`,
      nowMs,
    );
    this.#guard(() => {
      this.ctx.storage.transactionSync(() => this.#reporter.add([], CLUSTER_STREAM, [line]));
      this.#reporter.send();
    });
  }

  /** Operators have changed the layout, which has this epoch now: every class of nodes is told. */
  layoutChanged(epoch: number): void {
    this.#guard(() => {
      const reports = layoutReports(epoch, this.#topics);
      this.ctx.storage.transactionSync(() => this.#reporter.add(reports, CLUSTER_STREAM, []));
      this.#reporter.send();
    });
  }

  stat(): MembershipStat {
    return { ...this.#engine.stat, nodes: this.#engine.members.length, reports: this.#reporter.stat };
  }

  #turn(): void {
    this.#guard(() => {
      for (const effect of this.#engine.turn(Date.now())) {
        if (effect.type === "commit") this.#commit(effect.commit);
        else if (effect.type === "attach") this.#sockets.attach(effect.trunk, effect.state);
        else if (effect.type === "close") this.#sockets.close(effect.trunk, effect.code, effect.reason);
        else for (const id of effect.trunks) this.#sockets.send(id, effect.bytes);
      }
      this.#armTimer();
      this.#armAlarm();
    });
  }

  #commit(commit: MembershipCommit): void {
    const reports = reportsOf(commit, this.#engine.members, this.#topics);
    const nowMs = Date.now();
    const moves = this.#moves().map((message) => clusterLogLine(message, nowMs));
    this.ctx.storage.transactionSync(() => {
      this.#tables.apply(commit);
      this.#reporter.add(reports, CLUSTER_STREAM, [...clusterLogLines(commit, nowMs), ...moves]);
    });
    this.#reporter.send();
  }

  #alive(): readonly NodeName[] {
    return aliveNodes(
      this.#nodes,
      this.#engine.members.map(({ name }) => name),
    );
  }

  /** What the new view moved in the pools: the one place that says so. */
  #moves(): readonly string[] {
    const changes = this.#pools.advance(this.#engine.view.id, this.#alive()) ?? [];
    return changes.map(({ before, after }) => moveMessage(poolMove(before, after)));
  }

  #reportClients(): void {
    const clients = this.#clients;
    this.#clients = [];
    const reports = clients.map(({ report, manager }) => ({
      topic: this.#topics.node(manager),
      event: clientEvent(report),
    }));
    const lines = clients.map(({ report, atMs }) => clusterLogLine(clientMessage(report), atMs));
    this.ctx.storage.transactionSync(() => this.#reporter.add(reports, CLUSTER_STREAM, lines));
    this.#reporter.send();
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      // Memory and storage may disagree now: start again from storage (rule 35).
      trace("membership.turn_failed", { error: String(error) });
      this.ctx.abort("turn failed");
    }
  }

  #armAlarm(): void {
    const hasNodes = this.#engine.members.length > 0;
    if (!hasNodes) this.#alarm.set("check", undefined);
    else if (this.#alarm.nextMs === undefined) this.#alarm.set("check", Date.now() + LIMITS.memberCheckMs);
  }

  /** A pending timer keeps the object awake, which is what its deadlines ask for. It may come early: nothing is due. */
  #armTimer(): void {
    const deadlineMs = this.#engine.deadlineMs ?? Infinity;
    if (deadlineMs === Infinity || (this.#timer !== undefined && this.#timerMs <= deadlineMs)) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#turn();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
