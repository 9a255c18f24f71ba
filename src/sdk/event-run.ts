/**
 * A run of events with one topic from one publisher, as it came: what subscribers are given. It is taken apart only when
 * one of them wants it, and its events are objects only while somebody has them.
 */
import { FabricError } from "../base/errors.ts";
import { ENCODING, type InstanceId, type Segment } from "../protocol/frame.ts";
import { textOf, type Topic } from "../protocol/topic.ts";
import { CborEvents } from "./cbor-events.ts";
import { ReceivedEvent } from "./received-event.ts";

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

interface RunMarks {
  readonly isOwn?: boolean;
  readonly isHistory?: boolean;
}

type Source =
  | { readonly type: "cbor"; readonly events: CborEvents }
  | { readonly type: "texts"; readonly texts: readonly string[] };

export class EventRun {
  readonly topic: Topic;
  /** Who published it; empty where that is not known. */
  readonly publisher: InstanceId;
  /** Whether this very client published it. */
  readonly isOwn: boolean;
  /** Whether it is of the past that a subscription asked for. */
  readonly isHistory: boolean;
  #segment: Segment | undefined;
  #source: Source | undefined;
  #topicText = "";
  #isShared = false;
  #events: readonly ReceivedEvent[] | undefined;

  private constructor(topic: Topic, publisher: InstanceId, { isOwn = false, isHistory = false }: RunMarks) {
    this.topic = topic;
    this.publisher = publisher;
    this.isOwn = isOwn;
    this.isHistory = isHistory;
  }

  static ofSegment(segment: Segment, publisher: InstanceId, marks: RunMarks = {}): EventRun {
    const run = new EventRun(segment.topic, publisher, marks);
    run.#segment = segment;
    return run;
  }

  /** One event that came as a JSON v1 message. */
  static ofText(topic: Topic, text: string): EventRun {
    const run = new EventRun(topic, "", {});
    run.#topicText = textOf(topic);
    run.#source = { type: "texts", texts: [text] };
    return run;
  }

  /** How many events there are. Throws `deserialization_failed` when the bytes are not what they claim. */
  get count(): number {
    const source = this.#opened();
    return source.type === "cbor" ? source.events.count : source.texts.length;
  }

  /** The event at this place, undefined behind the last one. Throws like `count`. */
  event(index: number): ReceivedEvent | undefined {
    if (this.#isShared) return this.events[index];
    return index < this.count ? this.#make(index) : undefined;
  }

  /** Several want the events: each is decoded once for all of them. */
  share(): void {
    this.#isShared = true;
  }

  /** All of them, the same objects for whoever asks. Throws like `count`. */
  get events(): readonly ReceivedEvent[] {
    return (this.#events ??= Array.from({ length: this.count }, (_, i) => this.#make(i)));
  }

  #make(index: number): ReceivedEvent {
    const source = this.#opened();
    return source.type === "cbor"
      ? ReceivedEvent.ofCbor(this.#topicText, source.events, index, this.publisher)
      : ReceivedEvent.ofText(this.#topicText, source.texts[index]!, this.publisher);
  }

  #opened(): Source {
    if (this.#source === undefined) {
      this.#source = sourceOf(this.#segment!);
      this.#segment = undefined;
      this.#topicText = textOf(this.topic);
    }
    return this.#source;
  }
}

function sourceOf({ encoding, payload, count }: Segment): Source {
  const isCbor = encoding === ENCODING.cbor;
  const source: Source = isCbor
    ? { type: "cbor", events: new CborEvents(payload) }
    : { type: "texts", texts: decoder.decode(payload).split("\n") };
  const found = source.type === "cbor" ? source.events.count : source.texts.length;
  if (found === count) return source;
  throw new FabricError("deserialization_failed", `segment: ${found} events, not ${count}`);
}
