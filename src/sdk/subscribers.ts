/** Who gets which events: the subscriptions of a client's handlers and streams, matched once a topic. */
import { LIMITS } from "../base/limits.ts";
import { isMatch, type Prefix, type Topic } from "../protocol/topic.ts";
import type { Delivery } from "./credit-ledger.ts";
import type { EventRun } from "./event-run.ts";
import type { History } from "./history.ts";

export interface Interest {
  readonly prefixes: readonly Prefix[];
  /** Whether the client's own events are wanted too. Those of a history always are. */
  readonly isLocal: boolean;
  readonly history: History | undefined;
}

export interface Subscriber {
  readonly interest: Interest;
  /** Takes events. Whoever keeps them for later holds the delivery until then. */
  take(run: EventRun, delivery: Delivery): void;
  /** Nothing comes any more. */
  end(error: Error | undefined): void;
}

export class Subscribers {
  readonly #all = new Set<Subscriber>();
  readonly #byTopic = new Map<Topic, readonly Subscriber[]>();

  add(subscriber: Subscriber): void {
    this.#all.add(subscriber);
    this.#byTopic.clear();
  }

  /** False when it was not there. */
  delete(subscriber: Subscriber): boolean {
    this.#byTopic.clear();
    return this.#all.delete(subscriber);
  }

  /** Gives a run to each subscriber of its topic, once however many of its prefixes match. */
  dispatch(run: EventRun, delivery: Delivery): void {
    const wanting = this.#match(run.topic).filter(({ interest }) => isWanted(run, interest));
    if (wanting.length > 1) run.share();
    for (const subscriber of wanting) subscriber.take(run, delivery);
  }

  /** Whether one of them gets what this client publishes under the topic. */
  takeOwn(topic: Topic): boolean {
    return this.#match(topic).some(({ interest }) => interest.isLocal);
  }

  /** Ends them all. */
  end(error: Error | undefined): void {
    for (const subscriber of this.#all) subscriber.end(error);
    this.#all.clear();
    this.#byTopic.clear();
  }

  #match(topic: Topic): readonly Subscriber[] {
    let matching = this.#byTopic.get(topic);
    if (matching === undefined) {
      if (this.#byTopic.size >= LIMITS.matchCacheTopicsMax) this.#byTopic.clear();
      matching = [...this.#all].filter(({ interest }) =>
        interest.prefixes.some((prefix) => isMatch(prefix, topic)),
      );
      this.#byTopic.set(topic, matching);
    }
    return matching;
  }
}

function isWanted(run: EventRun, { isLocal, history }: Interest): boolean {
  return run.isHistory ? history !== undefined : isLocal || !run.isOwn;
}
