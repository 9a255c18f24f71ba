/**
 * Connections as WebSockets are: ordered both ways, delayed, and lost at any moment. When one is lost, a prefix of what
 * was on its way still arrives, and each side learns of it in its own time: one of them perhaps much later.
 */
import type { Process } from "./process.ts";
import type { Timer, World } from "./world.ts";

export interface LinkOptions {
  /** Delay of one message, ms. */
  readonly delayMs: readonly [min: number, max: number];
  /** Probability that the connection is lost with a message. */
  readonly lossProbability: number;
  /** Probability that a message towards the server arrives twice. */
  readonly repeatProbability?: number;
  /** Probability that a message, and so all behind it, is held up for long. */
  readonly stallProbability?: number;
  /** Longest time until a side learns that the connection is lost, ms. */
  readonly noticeMsMax?: number;
}

/** One side of a connection. */
export class End {
  readonly owner: Process;
  readonly options: LinkOptions;
  peer!: End;
  /** Whether this side believes that the connection is there. */
  isOpen = true;
  /** Whether it is there. */
  isAlive = true;
  /** Free for the owner. */
  tag: unknown;
  readonly #isClient: boolean;
  readonly #inFlight: Timer[] = [];
  #lastArrivalMs = 0;

  constructor(owner: Process, options: LinkOptions, isClient: boolean) {
    this.owner = owner;
    this.options = options;
    this.#isClient = isClient;
    owner.ends.add(this);
  }

  /** Sends to the other side. Into a connection that is gone it vanishes, as on a socket. */
  send(message: unknown): void {
    if (!this.isOpen || !this.isAlive) return;
    const { world } = this.owner;
    if (world.fault("connection lost", this.options.lossProbability, this.owner.name)) return this.cut();
    this.#deliver(message);
    const repeat = this.#isClient ? (this.options.repeatProbability ?? 0) : 0;
    if (world.fault("message repeated", repeat, this.owner.name)) this.#deliver(message);
  }

  /** The connection is lost on the way. */
  cut(): void {
    if (!this.isAlive) return;
    for (const end of [this, this.peer]) end.isAlive = false;
    for (const end of [this, this.peer]) end.#lose();
  }

  /** The owner is gone: nothing reaches this side any more, and the other one learns of it in its own time. */
  die(): void {
    this.isOpen = false;
    this.owner.ends.delete(this);
    this.cut();
  }

  /** Closes in order: what was sent before arrives, then the other side learns of the end. */
  close(): void {
    this.isOpen = false;
    this.owner.ends.delete(this);
    if (!this.isAlive) return;
    for (const end of [this, this.peer]) end.isAlive = false;
    this.peer.#learn(this.#arrivalMs());
    for (const timer of this.peer.#inFlight.splice(0)) timer.cancel();
  }

  #deliver(message: unknown): void {
    const { world } = this.owner;
    const { peer } = this;
    const sentMs = world.nowMs;
    const timer = world.after(this.#arrivalMs() - sentMs, () => {
      this.#inFlight.shift();
      if (!peer.isOpen || !peer.owner.isUp) return;
      if (sentMs < peer.owner.latestSentMs) world.count("reorder between connections");
      else peer.owner.latestSentMs = sentMs;
      peer.owner.received(peer, message);
    });
    this.#inFlight.push(timer);
  }

  /** Not before what was sent earlier. */
  #arrivalMs(): number {
    const { world } = this.owner;
    const { delayMs, stallProbability = 0 } = this.options;
    const stallMs = world.fault("long delay", stallProbability, this.owner.name)
      ? this.owner.random.between(500, 5_000)
      : 0;
    const arrivalMs = world.nowMs + this.owner.random.between(...delayMs) + stallMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivalMs);
    return this.#lastArrivalMs;
  }

  /** Keeps a random part, from the oldest on, of what this side has on its way; then this side learns of the loss. */
  #lose(): void {
    const { world } = this.owner;
    const kept = this.owner.random.between(0, this.#inFlight.length);
    for (const timer of this.#inFlight.splice(kept)) timer.cancel();
    const isLate = this.owner.random.chance(0.2);
    const noticeMs = this.owner.random.between(0, isLate ? (this.options.noticeMsMax ?? 0) : 50);
    this.#learn(Math.max(world.nowMs + noticeMs, this.peer.#lastArrivalMs));
  }

  #learn(atMs: number): void {
    const { world } = this.owner;
    world.after(atMs - world.nowMs, () => {
      if (!this.isOpen) return;
      this.isOpen = false;
      this.owner.ends.delete(this);
      if (this.owner.isUp) this.owner.closed(this);
    });
  }
}

/** Connects two processes. Answers the client's end, after `opened` of the server; undefined when the server is down. */
export function connect(client: Process, server: Process, options: LinkOptions): End | undefined {
  if (!server.isUp) return undefined;
  const near = new End(client, options, true);
  const far = new End(server, options, false);
  near.peer = far;
  far.peer = near;
  server.opened(far);
  return near;
}

/** For a world that has an accident of its own: loses one of the process's connections. */
export function cutOne(world: World, process: Process): void {
  const ends = [...process.ends].filter((end) => end.isAlive);
  if (ends.length === 0) return;
  world.count("connection cut", process.name);
  process.random.pick(ends).cut();
}
