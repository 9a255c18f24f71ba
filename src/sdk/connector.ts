/**
 * Which connection a client has and which it is making: back-off with jitter, attempts that are given up, and the
 * next connection made before the old one is left. Pure: effects out, time and randomness in.
 */
import { LIMITS } from "../base/limits.ts";

/** Connections are told apart by number, 1, 2, 3, …: the connection number of rule 1. */
export type ConnectorEffect =
  | { readonly type: "connect"; readonly connection: number }
  /** Close it, or give the attempt up; nothing that comes on it counts any more. */
  | { readonly type: "disconnect"; readonly connection: number }
  /** There is no connection; the next one is tried after this time. */
  | { readonly type: "lost"; readonly retryInMs: number };

/** `connecting`: for the first time, or again. `waiting`: the next attempt is due later. */
export type ClientStatus = "connecting" | "open" | "waiting" | "closed";

export class Connector {
  readonly #random: () => number;
  readonly #emit: (effect: ConnectorEffect) => void;
  readonly #retryMs: number | undefined;
  #last = 0;
  #active: number | undefined;
  #attempt: number | undefined;
  #failures = 0;
  #retryAtMs = Infinity;
  #giveUpAtMs = Infinity;
  #isOver = false;

  /**
   * @param random A number from 0 up to 1.
   * @param retryMs The wait before each next attempt, instead of one that grows.
   */
  constructor(random: () => number, emit: (effect: ConnectorEffect) => void, retryMs?: number) {
    this.#random = random;
    this.#emit = emit;
    this.#retryMs = retryMs;
  }

  /** The connection in use. */
  get active(): number | undefined {
    return this.#active;
  }

  /** The connection that is being made. */
  get attempt(): number | undefined {
    return this.#attempt;
  }

  get isOpen(): boolean {
    return this.#active !== undefined;
  }

  get status(): ClientStatus {
    if (this.#isOver) return "closed";
    if (this.#active !== undefined) return "open";
    return this.#attempt === undefined && this.#last > 0 ? "waiting" : "connecting";
  }

  /** When `tick` is due, Infinity for never. */
  get deadlineMs(): number {
    return Math.min(this.#retryAtMs, this.#giveUpAtMs);
  }

  /** Begins an attempt, unless one is under way. */
  connect(nowMs: number): void {
    if (this.#isOver || this.#attempt !== undefined) return;
    this.#attempt = ++this.#last;
    this.#retryAtMs = Infinity;
    this.#giveUpAtMs = nowMs + LIMITS.clientSilenceMs;
    this.#emit({ type: "connect", connection: this.#attempt });
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#giveUpAtMs && this.#attempt !== undefined) this.give(this.#attempt, nowMs);
    if (nowMs >= this.#retryAtMs) this.connect(nowMs);
  }

  /** The attempt has been welcomed: it is the connection from now on, and the old one is left. */
  established(): void {
    const old = this.#active;
    this.#active = this.#attempt;
    this.#attempt = undefined;
    this.#failures = 0;
    this.#giveUpAtMs = Infinity;
    if (old !== undefined) this.#emit({ type: "disconnect", connection: old });
  }

  /** The connection is gone, or could not be made. */
  lost(connection: number, nowMs: number): void {
    if (connection === this.#active) {
      this.#active = undefined;
      if (this.#attempt !== undefined) return this.#emit({ type: "lost", retryInMs: 0 });
    } else if (connection === this.#attempt) {
      this.#attempt = undefined;
      this.#giveUpAtMs = Infinity;
    } else return;
    this.#retry(nowMs);
  }

  /** Gives a connection or an attempt up. */
  give(connection: number, nowMs: number): void {
    this.#emit({ type: "disconnect", connection });
    this.lost(connection, nowMs);
  }

  /** The other side wants to be left: the next connection is made first, at a moment of its own for each client. */
  replace(nowMs: number): void {
    if (this.#attempt !== undefined || this.#retryAtMs !== Infinity) return;
    this.#retryAtMs = nowMs + Math.round(LIMITS.goawaySpreadMs * this.#random());
  }

  /** Leaves the connection, or the attempt, until `connect` is called. */
  leave(): void {
    for (const connection of [this.#attempt, this.#active]) {
      if (connection !== undefined) this.#emit({ type: "disconnect", connection });
    }
    this.#attempt = undefined;
    this.#active = undefined;
    this.#retryAtMs = Infinity;
    this.#giveUpAtMs = Infinity;
  }

  /** Ends everything. */
  end(): void {
    this.#isOver = true;
    this.leave();
  }

  /** Half of the wait is fixed and half is chance: clients that lost one server do not come back in step. */
  #retry(nowMs: number): void {
    const limitMs = Math.min(LIMITS.reconnectMaxMs, LIMITS.reconnectMs * 2 ** this.#failures);
    this.#failures++;
    const retryInMs = this.#retryMs ?? Math.round((limitMs / 2) * (1 + this.#random()));
    this.#retryAtMs = nowMs + retryInMs;
    if (this.#active === undefined) this.#emit({ type: "lost", retryInMs });
  }
}
