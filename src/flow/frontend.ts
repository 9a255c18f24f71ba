/** From the tap to the workers: the tap copies every packet to the frontend, which gives each flow to one worker. */
import type { Balancer } from "./balancer.ts";
import type { FiveTuple } from "./five-tuple.ts";

/** A packet, or a record that stands for some. */
export interface Packet<T> {
  readonly flow: FiveTuple;
  readonly data: T;
}

export type Sink<T> = (packet: Packet<T>) => void;

/** Copies a stream of packets to each of its sinks, once and in order. */
export class Tap<T> {
  readonly #sinks: Sink<T>[] = [];

  attach(sink: Sink<T>): void {
    this.#sinks.push(sink);
  }

  feed(packet: Packet<T>): void {
    for (const sink of this.#sinks) sink(packet);
  }
}

/** Splits a stream of packets over workers, by their flows. */
export class Frontend<T> {
  readonly #balancer: Balancer;
  readonly #deliver: (worker: string, packet: Packet<T>) => void;
  #unassigned = 0;

  constructor(balancer: Balancer, deliver: (worker: string, packet: Packet<T>) => void) {
    this.#balancer = balancer;
    this.#deliver = deliver;
  }

  /** Packets that had no worker to go to. */
  get unassigned(): number {
    return this.#unassigned;
  }

  readonly take: Sink<T> = (packet) => {
    const worker = this.#balancer.workerOf(packet.flow);
    if (worker === undefined) this.#unassigned++;
    else this.#deliver(worker, packet);
  };
}

/**
 * One of several consumers of the same feed, as PF_RING clusters on one host: it takes the packets of its own flows
 * and leaves the others.
 */
export function consumerOf<T>(balancer: Balancer, worker: string, take: Sink<T>): Sink<T> {
  return (packet) => {
    if (balancer.workerOf(packet.flow) === worker) take(packet);
  };
}
