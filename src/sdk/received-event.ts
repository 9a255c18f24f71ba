/** Events as subscribers get them: decoded only as far as they ask. */
import { toHex } from "./hex.ts";
import { formatDataMessage, parseDataMessage } from "../protocol/data-message.ts";
import type { EventMetadata, FabricEvent } from "../protocol/event.ts";
import type { InstanceId } from "../protocol/frame.ts";
import { decodeEvents } from "../protocol/transcode.ts";
import type { Value } from "../data/value.ts";
import { replyTopicOf } from "./reply-topic.ts";

/** An event under its topic. Text and parts are made from one another when they are asked for. */
export class ReceivedEvent {
  readonly topic: string;
  readonly #publisher: InstanceId;
  #text: string | undefined;
  #bytes: Uint8Array | undefined;
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

  /** @internal From its CBOR. */
  static ofCbor(topic: string, bytes: Uint8Array, publisher: InstanceId): ReceivedEvent {
    const event = new ReceivedEvent(topic, publisher);
    event.#bytes = bytes;
    return event;
  }

  /** A Zeek identifier with its module where it has one. Decodes the event, as `args` and `metadata` do. */
  get name(): string {
    return this.#parts.name;
  }

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
      this.#event =
        this.#bytes === undefined ? parseDataMessage(this.#text!).event : decodeEvents(this.#bytes, 1)[0]!;
      this.#bytes = undefined;
    }
    return this.#event;
  }
}
