/** Which topics go where in Broker: by subscriptions, and one hop far unless messages are forwarded. */
import type { FabricEvent } from "../protocol/event.ts";
import { parsePrefix, textOf, type Prefix, type Topic } from "../protocol/topic.ts";
import type { DialledPeer } from "./dialled-peer.ts";
import type { Rules } from "./exchange.ts";
import type { Origin } from "./link.ts";
import { isUnder, type Peer } from "./peer.ts";

type Dispatch = (topic: string, event: FabricEvent, origin: Origin) => void;

export class BrokerRules implements Rules {
  readonly isSelective = false;
  readonly #subscribed = new Set<Prefix>();
  readonly #forwarded = new Set<Prefix>();
  readonly #forwardMessages: boolean;
  readonly #dispatch: Dispatch;

  constructor(forwardMessages: boolean, dispatch: Dispatch) {
    this.#forwardMessages = forwardMessages;
    this.#dispatch = dispatch;
  }

  /** False when it was there. Throws `invalid_topic_key`, as the others do. */
  subscribe(prefix: string): boolean {
    return this.#subscribed.size < this.#subscribed.add(parsePrefix(prefix)).size;
  }

  /** False when it was not there. */
  unsubscribe(prefix: string): boolean {
    return this.#subscribed.delete(parsePrefix(prefix));
  }

  /** False when it was there. */
  forward(prefix: string): boolean {
    return this.#forwarded.size < this.#forwarded.add(parsePrefix(prefix)).size;
  }

  wants(peer: Peer): ReadonlySet<Prefix> {
    const all = new Set([...this.#subscribed, ...this.#forwarded]);
    const { receive } = peer as Partial<DialledPeer>;
    return receive === undefined ? all : new Set(receive);
  }

  offers(_topic: Topic, _to: Peer, from: Peer | undefined): boolean {
    return from === undefined || this.#forwardMessages;
  }

  relays(): boolean {
    return this.#forwardMessages;
  }

  deliver(topic: Topic, event: FabricEvent, origin: Origin): void {
    if (!isUnder(this.#subscribed, topic) || isUnder(this.#forwarded, topic)) return;
    this.#dispatch(textOf(topic), event, origin);
  }
}
