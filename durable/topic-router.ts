/**
 * TopicRouter: the object around the engine of src/routing/router.ts. It accepts trunks, gathers what arrives until
 * the next macrotask, and applies each turn: storage first, in one transaction, then sends. No routing decisions.
 */
import { DurableObject } from "cloudflare:workers";
import { Gather } from "../src/base/gather.ts";
import { Placement, tableVersion } from "../src/routing/placement.ts";
import type { RouterLedgerView } from "../src/routing/ledger.ts";
import type { RouterEffect } from "../src/routing/router-state.ts";
import { Router } from "../src/routing/router.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import { AlarmQueue } from "./alarm.ts";
import type { ObjectEnv } from "./env.ts";
import { RouterTables } from "./router-tables.ts";
import { Sockets } from "./sockets.ts";
import { trace } from "./trace.ts";

export class TopicRouter extends DurableObject<ObjectEnv> {
  readonly #tables: RouterTables;
  readonly #sockets: Sockets;
  readonly #router: Router;
  readonly #gather = new Gather(
    (task) => void setImmediate(task),
    () => this.#run((nowMs) => this.#router.turn(nowMs)),
  );
  readonly #alarm: AlarmQueue<"expiry">;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(ctx: DurableObjectState, env: ObjectEnv) {
    super(ctx, env);
    this.#tables = new RouterTables(ctx.storage);
    this.#sockets = new Sockets(ctx);
    const { routers, retention } = deployedLayout(env.LAYOUT);
    const table = tableVersion(routers);
    const name = ctx.id.name ?? "";
    const placement = new Placement(routers);
    const policies = retention.filter(({ prefix }) => placement.span(prefix).includes(name));
    const keeping = { policies, store: this.#tables.kept };
    this.#router = new Router({ name, table, keeping }, this.#tables.load(), this.#sockets.ids, Date.now());
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
      () => this.#run((nowMs) => this.#router.tick(nowMs)),
      (error) => trace("router.alarm_failed", { router: this.ctx.id.name, error: String(error) }),
    );
  }

  /** Figures for metrics and tests. */
  stat(): { router: string; incarnation: number; seq: number; trunks: number } {
    return { ...this.#router.position, trunks: this.#router.trunkCount };
  }

  /** The loss ledger (rule 38). */
  ledger(): RouterLedgerView {
    return this.#router.ledger;
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
    this.#tables.apply(effects.flatMap((effect) => (effect.type === "persist" ? [effect.change] : [])));
    for (const effect of effects) {
      if (effect.type === "send") for (const id of effect.trunks) this.#sockets.send(id, effect.bytes);
      else if (effect.type === "close") this.#sockets.close(effect.trunk, effect.code, effect.reason);
    }
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
