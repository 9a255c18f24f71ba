/** Events as subscribers get them: decoded only as far as they ask. */
import { toHex } from "./hex.ts";
import { formatDataMessage, parseDataMessage } from "../protocol/data-message.ts";
import type { EventMetadata, FabricEvent } from "../protocol/event.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { Value } from "../data/value.ts";
import type { CborEvents } from "./cbor-events.ts";
import { replyTopicOf } from "./reply-topic.ts";

/** An event under its topic. Text and parts are made from one another when they are asked for. */
export class ReceivedEvent {
  readonly topic: string;
  readonly #publisher: InstanceId;
  #text: string | undefined;
  #source: CborEvents | undefined;
  #index = 0;
  #event: FabricEvent | undefined;

  private constructor(topic: string, publisher: InstanceId) {
    this.topic = topic;
    this.#publisher = publisher;
  }

  /** @internal From its canonical JSON v1 message. */
  static ofText(topic: string, text: string, publisher: InstanceId): ReceivedEvent {
    const event = new ReceivedEvent(topic, publisher);
    event.#text = text;
    return event;
  }

  /** @internal The one at this place of a CBOR segment. */
  static ofCbor(topic: string, source: CborEvents, index: number, publisher: InstanceId): ReceivedEvent {
    const event = new ReceivedEvent(topic, publisher);
    event.#source = source;
    event.#index = index;
    return event;
  }

  /** A Zeek identifier with its module where it has one. Cheap: what else the event holds is not decoded for it. */
  get name(): string {
    return this.#event?.name ?? this.#source?.name(this.#index) ?? this.#parts.name;
  }

  /** The arguments. The first read decodes the event, as that of `metadata` and `replyTo` does. */
  get args(): readonly Value[] {
    return this.#parts.args;
  }

  get metadata(): readonly EventMetadata[] {
    return this.#parts.metadata;
  }

  /** Where a reply is awaited, when the event is a request; answer with `client.reply`. */
  get replyTo(): string | undefined {
    return replyTopicOf(this.metadata);
  }

  /** The client instance that published it, 32 hexadecimal digits; undefined from a peer that has none (JSON v1). */
  get publisher(): string | undefined {
    return this.#publisher === "" ? undefined : toHex(this.#publisher);
  }

  /** The canonical JSON v1 message. Throws `invalid_data` for what JSON v1 cannot say. */
  get text(): string {
    return (this.#text ??= formatDataMessage(this.topic, this.#parts));
  }

  get #parts(): FabricEvent {
    if (this.#event === undefined) {
      this.#event = this.#source?.event(this.#index) ?? parseDataMessage(this.#text!).event;
      this.#source = undefined;
    }
    return this.#event;
  }
}
