/**
 * TopicRouter: the object around the engine of src/routing/router.ts. It accepts trunks, gathers what arrives until
 * the next macrotask, and applies each turn: storage first, in one transaction, then sends. No routing decisions.
 */
import { DurableObject } from "cloudflare:workers";
import { Gather } from "../src/base/gather.ts";
import { policiesOf } from "../src/routing/keeper.ts";
import { Placement } from "../src/routing/placement.ts";
import type { RouterLedgerView } from "../src/routing/ledger.ts";
import type { RouterEffect } from "../src/routing/router-state.ts";
import { Router } from "../src/routing/router.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import { scriptedNodes } from "../src/site/scripts.ts";
import { AlarmQueue } from "./alarm.ts";
import type { ObjectEnv } from "./env.ts";
import type { RouterCalls } from "./node-calls.ts";
import { nodeTrunkId, nodeTrunkOf, RouterNodes, type NodeTrunk } from "./router-nodes.ts";
import { RouterTables } from "./router-tables.ts";
import { Sockets } from "./sockets.ts";
import { trace } from "./trace.ts";

type RouterEnv = ObjectEnv & Pick<Env, "NODE">;

export class TopicRouter extends DurableObject<RouterEnv> implements RouterCalls {
  readonly #tables: RouterTables;
  readonly #sockets: Sockets;
  readonly #router: Router;
  readonly #gather = new Gather(
    (task) => void setImmediate(task),
    () => this.#run((nowMs) => this.#router.turn(nowMs)),
  );
  readonly #alarm: AlarmQueue<"expiry" | "push">;
  readonly #nodes: RouterNodes;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(ctx: DurableObjectState, env: RouterEnv) {
    super(ctx, env);
    this.#tables = new RouterTables(ctx.storage);
    this.#sockets = new Sockets(ctx);
    const { routers, formerRouters, retention, nodes } = deployedLayout(env.LAYOUT);
    const name = ctx.id.name ?? "";
    const placement = new Placement(routers, formerRouters);
    const stored = this.#tables.load();
    const policies = policiesOf(name, placement, retention, stored.logs);
    const keeping = { policies, store: this.#tables.kept };
    const nodeTrunks = stored.trunks.map(({ id }) => id).filter((id) => nodeTrunkOf(id) !== undefined);
    const live = new Set([...this.#sockets.ids, ...nodeTrunks]);
    this.#router = new Router(
      { name, table: placement.version, routes: routers, keeping },
      stored,
      live,
      Date.now(),
    );
    this.#alarm = new AlarmQueue(ctx.storage);
    this.#nodes = new RouterNodes({
      router: name,
      sql: ctx.storage.sql,
      stub: (node) => env.NODE.getByName(node),
      received: (trunk, frames) => this.#receiveAll(trunk, frames),
      wakeAt: (atMs) => this.#alarm.set("push", atMs),
    });
    this.#armAlarm();
    this.#gather.dueLater();
    const present = new Set(nodeTrunks.map((id) => nodeTrunkOf(id)?.node));
    const absent = scriptedNodes(nodes).filter((node) => !present.has(node.name));
    setImmediate(() => {
      this.#nodes.pushAll();
      for (const node of absent) this.#nodes.attach(node.name);
    });
  }

  /** A trunk: the upgrade of a session's WebSocket. */
  override fetch(request: Request): Response {
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    return this.#sockets.accept(crypto.randomUUID());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : new Uint8Array(message);
    this.#guard(() => this.#router.receive(this.#sockets.idOf(socket), bytes));
    this.#gather.due();
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#router.closed(this.#sockets.idOf(socket));
    this.#sockets.closed(socket, code, reason);
    this.#gather.due();
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket, 1011, "error");
  }

  /** What is kept expires while the router sleeps, too. */
  override async alarm(): Promise<void> {
    await this.#alarm.fire(
      Date.now(),
      (name) => {
        if (name === "push") this.#nodes.pushAll();
        else this.#run((nowMs) => this.#router.tick(nowMs));
      },
      (error) => trace("router.alarm_failed", { router: this.ctx.id.name, error: String(error) }),
    );
  }

  /** A trunk by calls: the frames of a node that the fabric runs (node-calls.ts). */
  async nodeFrames(trunk: NodeTrunk, frames: readonly Uint8Array[]): Promise<void> {
    this.#receiveAll(trunk, frames);
    return Promise.resolve();
  }

  /** Figures for metrics and tests. */
  stat(): { router: string; incarnation: number; seq: number; trunks: number } {
    return { ...this.#router.position, trunks: this.#router.trunkCount };
  }

  /** The loss ledger (rule 38). */
  ledger(): RouterLedgerView {
    return this.#router.ledger;
  }

  #receiveAll(trunk: NodeTrunk, frames: readonly Uint8Array[]): void {
    if (frames.length === 0) return;
    this.#guard(() => {
      for (const frame of frames) this.#router.receive(nodeTrunkId(trunk), frame);
    });
    this.#run((nowMs) => this.#router.turn(nowMs));
  }

  #run(step: (nowMs: number) => readonly RouterEffect[]): void {
    this.#guard(() => {
      this.#apply(step(Date.now()));
      this.#armTimer();
      this.#armAlarm();
    });
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      // Memory and storage may disagree now: start again from storage (rule 35).
      trace("router.turn_failed", { router: this.ctx.id.name, error: String(error) });
      this.ctx.abort("turn failed");
    }
  }

  #apply(effects: readonly RouterEffect[]): void {
    const changes = effects.flatMap((effect) => (effect.type === "persist" ? [effect.change] : []));
    const pushed = effects.flatMap(pushesOf);
    if (pushed.length === 0) this.#tables.apply(changes);
    else {
      this.ctx.storage.transactionSync(() => {
        this.#tables.apply(changes);
        for (const { trunk, frame } of pushed) this.#nodes.add(trunk, frame);
      });
    }
    for (const effect of effects) {
      if (effect.type === "send") for (const id of effect.trunks) this.#sockets.send(id, effect.bytes);
      else if (effect.type === "close") this.#sockets.close(effect.trunk, effect.code, effect.reason);
    }
    for (const node of new Set(pushed.map(({ trunk }) => trunk.node))) this.#nodes.push(node);
  }

  /** While the router is awake it drops what expires by itself: an alarm that was set for its sleep is left alone. */
  #armAlarm(): void {
    const { expiryMs } = this.#router;
    if (expiryMs !== undefined) this.#alarm.set("expiry", expiryMs);
  }

  /** A pending timer keeps the object awake, which is what its deadlines ask for. It may come early: nothing is due. */
  #armTimer(): void {
    const deadlineMs = this.#router.deadlineMs ?? Infinity;
    if (deadlineMs === Infinity || (this.#timer !== undefined && this.#timerMs <= deadlineMs)) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#run((nowMs) => this.#router.tick(nowMs));
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}

interface Pushed {
  readonly trunk: NodeTrunk;
  /** null for the end of the trunk. */
  readonly frame: Uint8Array | null;
}

/** What of an effect goes to nodes that the fabric runs. */
function pushesOf(effect: RouterEffect): readonly Pushed[] {
  if (effect.type === "persist") return [];
  const ids = effect.type === "send" ? effect.trunks : [effect.trunk];
  const frame = effect.type === "send" ? effect.bytes : null;
  return ids.flatMap((id) => {
    const trunk = nodeTrunkOf(id);
    return trunk === undefined ? [] : [{ trunk, frame }];
  });
}
