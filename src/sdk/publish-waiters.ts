/** Who waits for the end of which publishes: acknowledgements of single events, and flushes. */
import { FabricError } from "../base/errors.ts";
import type { EventMetadata } from "../protocol/event.ts";
import type { PublishMeans } from "./client-engine.ts";
import type { EventRange } from "./publisher.ts";

export interface PublishOptions {
  /** Metadata of the event; ids from 200 on are free for use. */
  readonly metadata?: readonly EventMetadata[] | undefined;
}

/** The end of a publish. */
export interface PublishAck {
  /**
   * `sequenced`: the event has its place in the order of its router and is on its way to every subscriber; it is stored
   * where its topic is kept. `sent`: it was handed to the connection, and no more is known (JSON v1).
   */
  readonly means: PublishMeans;
  /**
   * To how many live readers of its topic, other than this client, the event went; undefined where the fabric does not
   * know. 0 means that nobody was there.
   */
  readonly receivers: number | undefined;
}

interface Waiter<T> {
  readonly event: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: FabricError) => void;
}

export class PublishWaiters {
  /** By rising event number. */
  #acks: Waiter<PublishAck>[] = [];
  #flushes: Waiter<void>[] = [];
  /** A refusal that nobody was told who waited for it. */
  #refusal: FabricError | undefined;

  /** The end of the event with this number. */
  ack(event: number): Promise<PublishAck> {
    return new Promise((resolve, reject) => this.#acks.push({ event, resolve, reject }));
  }

  /** Resolves when every event up to this number has its end; rejects when one of them was refused. */
  flush(event: number, settled: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#flushes.push({ event, resolve, reject });
      this.settled(settled);
    });
  }

  published(range: EventRange, ack: PublishAck): void {
    for (const waiter of this.#take(range)) waiter.resolve(ack);
  }

  refused(range: EventRange | undefined, error: FabricError): void {
    const told = range === undefined ? [] : this.#take(range);
    for (const waiter of told) waiter.reject(error);
    if (range === undefined || range.last - range.after > told.length) this.#refusal ??= error;
  }

  settled(upTo: number): void {
    const isDone = ({ event }: Waiter<void>) => event <= upTo;
    const done = this.#flushes.filter(isDone);
    if (done.length === 0) return;
    this.#flushes = this.#flushes.filter((waiter) => !isDone(waiter));
    const refusal = this.#refusal;
    this.#refusal = undefined;
    for (const { resolve, reject } of done) {
      if (refusal === undefined) resolve();
      else reject(refusal);
    }
  }

  /** The client has ended. */
  end(error: FabricError): void {
    for (const { reject } of [...this.#acks.splice(0), ...this.#flushes.splice(0)]) reject(error);
  }

  #take({ after, last }: EventRange): Waiter<PublishAck>[] {
    const isIn = ({ event }: Waiter<PublishAck>) => event > after && event <= last;
    const taken = this.#acks.filter(isIn);
    if (taken.length > 0) this.#acks = this.#acks.filter((waiter) => !isIn(waiter));
    return taken;
  }
}
