/** Drives a peering on the platform's WebSocket: sockets and the clock. It decides nothing. */
import type { Peering, PeeringEffect, Side } from "./peering.ts";
import { openSocket, type Socket, type SocketOptions } from "../sdk/socket.ts";
import type { FabricError } from "../base/errors.ts";

/** What is left of the effects for whoever runs the peering. */
export type PeeringTold = Exclude<PeeringEffect, { readonly type: "open" | "send" | "close" }>;

export class DialledPeering {
  readonly #peering: Peering;
  readonly #targets: Readonly<Record<Side, SocketOptions>>;
  readonly #tell: (told: PeeringTold) => void;
  readonly #sockets = new Map<Side, Socket>();
  #isPerforming = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(
    peering: Peering,
    targets: Readonly<Record<Side, SocketOptions>>,
    tell: (told: PeeringTold) => void,
  ) {
    this.#peering = peering;
    this.#targets = targets;
    this.#tell = tell;
  }

  /** Makes the first connections. */
  start(): void {
    this.#peering.tick(Date.now());
    this.#perform();
  }

  /** Ends it. What is under way is taken up by a later life. */
  close(): void {
    this.#peering.close();
    this.#perform();
  }

  #perform(): void {
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    for (let effects = this.#peering.drain(); effects.length > 0; effects = this.#peering.drain()) {
      for (const effect of effects) this.#do(effect);
    }
    this.#isPerforming = false;
    this.#armTimer();
  }

  #do(effect: PeeringEffect): void {
    switch (effect.type) {
      case "open":
        return this.#open(effect.side);
      case "send":
        return this.#sockets.get(effect.side)?.send(effect.bytes);
      case "close":
        this.#sockets.get(effect.side)?.close();
        this.#sockets.delete(effect.side);
        return;
      default:
        return this.#tell(effect);
    }
  }

  #open(side: Side): void {
    // A socket that was given up may still speak: the one after it is another conversation.
    const isCurrent = () => this.#sockets.get(side) === socket;
    const socket = openSocket(this.#targets[side], {
      opened: () => {
        if (!isCurrent()) return;
        this.#peering.opened(side);
        this.#perform();
      },
      received: (message) => {
        if (!isCurrent()) return;
        const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
        this.#peering.received(side, bytes, Date.now());
        this.#perform();
      },
      closed: (refusal) => {
        if (!isCurrent()) return;
        this.#sockets.delete(side);
        this.#lost(side, refusal);
        this.#perform();
      },
    });
    this.#sockets.set(side, socket);
  }

  #lost(side: Side, refusal: FabricError | undefined): void {
    if (refusal === undefined) this.#peering.lost(side, Date.now());
    else this.#peering.refused(side, refusal, Date.now());
  }

  #armTimer(): void {
    const deadlineMs = this.#peering.deadlineMs ?? Infinity;
    if (deadlineMs === this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Infinity;
        this.#peering.tick(Date.now());
        this.#perform();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
