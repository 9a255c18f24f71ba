/** Drives an engine: sockets, the clock, macrotasks. It decides nothing. */
import type { FabricError } from "../base/errors.ts";
import type { ClientEffect, ClientEngine } from "./client-engine.ts";
import type { ClientStatus } from "./connector.ts";
import { nextMacrotask } from "./macrotask.ts";
import { openSocket, type Socket, type SocketOptions } from "./socket.ts";

/** The effects that are the client's. */
export type ClientEvent = Exclude<ClientEffect, { readonly type: "connect" | "disconnect" | "send" }>;

export interface LinkHandlers {
  event(event: ClientEvent): void;
  status(status: ClientStatus): void;
}

export class Link {
  readonly #engine: ClientEngine;
  readonly #options: SocketOptions;
  readonly #handlers: LinkHandlers;
  readonly #openSocket: typeof openSocket;
  readonly #sockets = new Map<number, Socket>();
  #status: ClientStatus | undefined;
  #isPerforming = false;
  #isFlushDue = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;
  /** Whether anything ever answered as a WebSocket. */
  wasAnswered = false;

  /** @param open Opens a connection where that is not the platform's WebSocket. */
  constructor(engine: ClientEngine, options: SocketOptions, handlers: LinkHandlers, open = openSocket) {
    this.#engine = engine;
    this.#options = options;
    this.#handlers = handlers;
    this.#openSocket = open;
  }

  /** What the sockets have taken and not sent yet, bytes. */
  get unsentBytes(): number {
    let sum = 0;
    for (const { unsentBytes } of this.#sockets.values()) sum += unsentBytes;
    return sum;
  }

  /** Makes the first connection. */
  start(): void {
    this.#engine.start(Date.now());
    this.perform();
  }

  /** Sends in the next macrotask what gathers until then. */
  scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    nextMacrotask(() => {
      this.#isFlushDue = false;
      this.#engine.flush(Date.now());
      this.perform();
    });
  }

  /** Carries out what the engine wants. Handlers may call this again: what they cause then follows in turn. */
  perform(): void {
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    try {
      for (let effects = this.#engine.drain(); effects.length > 0; effects = this.#engine.drain()) {
        for (const effect of effects) this.#do(effect);
        this.#tellStatus();
      }
    } finally {
      this.#isPerforming = false;
    }
    this.#armTimer();
  }

  #tellStatus(): void {
    const { status } = this.#engine;
    if (status === this.#status) return;
    this.#status = status;
    this.#handlers.status(status);
  }

  #do(effect: ClientEffect): void {
    switch (effect.type) {
      case "connect":
        return this.#open(effect.connection);
      case "send":
        this.#sockets.get(effect.connection)?.send(effect.message);
        return;
      case "disconnect": {
        const socket = this.#sockets.get(effect.connection);
        this.#sockets.delete(effect.connection);
        socket?.close();
        return;
      }
      default:
        return this.#handlers.event(effect);
    }
  }

  #open(connection: number): void {
    /** What a socket says that was given up already counts no more. */
    const input = (take: (nowMs: number) => void) => {
      if (!this.#sockets.has(connection)) return;
      take(Date.now());
      this.perform();
    };
    const socket = this.#openSocket(this.#options, {
      opened: () => {
        this.wasAnswered = true;
        input((nowMs) => this.#engine.connected(connection, nowMs));
        this.scheduleFlush();
      },
      received: (message) => input((nowMs) => this.#engine.received(connection, message, nowMs)),
      closed: (refusal: FabricError | undefined) =>
        input((nowMs) => {
          this.#sockets.delete(connection);
          this.#engine.disconnected(connection, nowMs, refusal);
        }),
    });
    this.#sockets.set(connection, socket);
  }

  /**
   * A timer that comes early asks the engine for nothing and is set again: cheaper than one for each message. A client
   * that waits for nothing has none, so that an ended client keeps no process alive.
   */
  #armTimer(): void {
    const deadlineMs = this.#engine.deadlineMs ?? Infinity;
    if (deadlineMs !== Infinity && this.#timer !== undefined && this.#timerMs <= deadlineMs) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (deadlineMs === Infinity) return;
    this.#timerMs = deadlineMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#engine.tick(Date.now());
        this.perform();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
