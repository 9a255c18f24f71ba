/**
 * A run of events with one topic from one publisher, as it came: what subscribers are given. It is taken apart once,
 * however many of them want it, and only when one does.
 */
import { FabricError } from "../base/errors.ts";
import { ENCODING, type InstanceId, type Segment } from "../protocol/frame.ts";
import { textOf, type Topic } from "../protocol/topic.ts";
import { splitSequence } from "./cbor-split.ts";
import { ReceivedEvent } from "./received-event.ts";

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

interface RunMarks {
  readonly isOwn?: boolean;
  readonly isHistory?: boolean;
}

export class EventRun {
  readonly topic: Topic;
  /** Who published it; empty where that is not known. */
  readonly publisher: InstanceId;
  /** Whether this very client published it. */
  readonly isOwn: boolean;
  /** Whether it is of the past that a subscription asked for. */
  readonly isHistory: boolean;
  #segment: Segment | undefined;
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
    run.#events = [ReceivedEvent.ofText(textOf(topic), text, "")];
    return run;
  }

  /** The events, in order. Throws `deserialization_failed` when the bytes are not what they claim. */
  get events(): readonly ReceivedEvent[] {
    if (this.#events === undefined) {
      this.#events = eventsOf(this.#segment!, this.publisher);
      this.#segment = undefined;
    }
    return this.#events;
  }
}

function eventsOf(segment: Segment, publisher: InstanceId): ReceivedEvent[] {
  const topic = textOf(segment.topic);
  const events =
    segment.encoding === ENCODING.cbor
      ? splitSequence(segment.payload).map((b) => ReceivedEvent.ofCbor(topic, b, publisher))
      : decoder
          .decode(segment.payload)
          .split("\n")
          .map((line) => ReceivedEvent.ofText(topic, line, publisher));
  if (events.length !== segment.count) {
    throw new FabricError("deserialization_failed", `segment: ${events.length} events, not ${segment.count}`);
  }
  return events;
}
