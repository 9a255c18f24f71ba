/** Events as subscribers get them: decoded only as far as they ask. */
import { ENCODING, type Segment } from "../protocol/frame.ts";
import { formatDataMessage, parseDataMessage } from "../protocol/data-message.ts";
import type { EventMetadata, FabricEvent } from "../protocol/event.ts";
import { textOf } from "../protocol/topic.ts";
import { decodeEvents } from "../protocol/transcode.ts";
import type { Value } from "../data/value.ts";

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** An event under its topic. Text and parts are made from one another when they are asked for. */
export class ReceivedEvent {
  readonly topic: string;
  #text: string | undefined;
  #event: FabricEvent | undefined;

  constructor(topic: string, text: string | undefined, event: FabricEvent | undefined) {
    this.topic = topic;
    this.#text = text;
    this.#event = event;
  }

  /** The canonical JSON v1 message. Throws `invalid_data` for what JSON v1 cannot say. */
  get text(): string {
    return (this.#text ??= formatDataMessage(this.topic, this.#parts));
  }

  get name(): string {
    return this.#parts.name;
  }

  get args(): readonly Value[] {
    return this.#parts.args;
  }

  get metadata(): readonly EventMetadata[] {
    return this.#parts.metadata;
  }

  get #parts(): FabricEvent {
    return (this.#event ??= parseDataMessage(this.#text!).event);
  }
}

/** The events of a segment, in order. Throws `deserialization_failed` when it is not what it claims. */
export function eventsOf(segment: Segment): ReceivedEvent[] {
  const topic = textOf(segment.topic);
  if (segment.encoding === ENCODING.cbor) {
    return decodeEvents(segment.payload, segment.count).map((e) => new ReceivedEvent(topic, undefined, e));
  }
  return decoder
    .decode(segment.payload)
    .split("\n")
    .map((line) => new ReceivedEvent(topic, line, undefined));
}
