/**
 * What was published and where routers sequenced it, told by a witness that no fault touches; and the checks that need
 * no receiver: a position holds one frame for ever, and an event has one position in an incarnation.
 */
import type { SequencedFrame } from "../../../src/protocol/frame.ts";
import { isKept } from "../../../src/protocol/stream.ts";
import { parseTopic, type Topic } from "../../../src/protocol/topic.ts";
import { decodeSegment } from "../../../src/protocol/transcode.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { count, string } from "../../../src/data/value.ts";
import { Violation } from "../kit/world.ts";
import type { Layout, Release } from "./layout.ts";

/** A place in a router's order. */
export interface Place extends Spot {
  readonly router: string;
  /** The stream in which readers that resume get it. */
  readonly stream: string;
  readonly isKept: boolean;
  /** Version of the table under which it was sequenced. */
  readonly table: string;
}

/** What orders places of one router. `index` counts the events of one frame. */
interface Spot {
  readonly incarnation: number;
  readonly seq: number;
  readonly index: number;
}

export interface Published {
  readonly key: string;
  readonly publisher: string;
  readonly number: number;
  readonly topic: Topic;
  readonly atMs: number;
  /** Whether its publisher was told that it is sequenced, or stored where it is kept. */
  isAcknowledged: boolean;
  /** In the order of sequencing: more than one only when a router lost its memory in between, or the topic moved. */
  readonly places: Place[];
}

export function comparePlaces(a: Spot, b: Spot): number {
  return a.incarnation - b.incarnation || a.seq - b.seq || a.index - b.index;
}

/** The event that a published one is on the wire: its publisher and number are its arguments. */
export function eventOf(publisher: string, number: number): FabricEvent {
  return { name: "Sim::event", args: [string(publisher), count(number)], metadata: [] };
}

/** The key of an event that arrived. */
export function keyOf(event: FabricEvent): string {
  const [publisher, number] = event.args;
  if (publisher?.type !== "string" || number?.type !== "count") throw new Violation("an event came changed");
  return `${String(publisher.value)} ${number.value}`;
}

export class Ledger {
  readonly events = new Map<string, Published>();
  readonly layout: Layout;
  readonly #numbers = new Map<string, number>();
  /** Frames, by router and incarnation: the last that was sequenced. */
  readonly #lastSeqs = new Map<string, number>();

  constructor(layout: Layout) {
    this.layout = layout;
  }

  /** Books the next event of a publisher. */
  publish(publisher: string, topicText: string, nowMs: number): Published {
    const number = (this.#numbers.get(publisher) ?? 0) + 1;
    this.#numbers.set(publisher, number);
    const topic = parseTopic(topicText);
    const key = `${publisher} ${number}`;
    const event: Published = {
      key,
      publisher,
      number,
      topic,
      atMs: nowMs,
      isAcknowledged: false,
      places: [],
    };
    this.events.set(key, event);
    return event;
  }

  /** A publisher is told that its events up to a number are sequenced, those that are kept stored (rule 10). */
  acknowledge(publisher: string, number: number): void {
    const event = this.get(`${publisher} ${number}`);
    if (event.places.length === 0) throw new Violation(`${event.key} is acknowledged and was not sequenced`);
    event.isAcknowledged = true;
  }

  get(key: string): Published {
    const event = this.events.get(key);
    if (event === undefined) throw new Violation(`${key} was never published`);
    return event;
  }

  /** Books a frame as a router of a release sequenced it. */
  sequenced(router: string, incarnation: number, frame: SequencedFrame, release: Release): void {
    const life = `${router} ${incarnation}`;
    const last = this.#lastSeqs.get(life) ?? 0;
    if (frame.seq <= last) throw new Violation(`position ${life}/${frame.seq} was used twice`);
    this.#lastSeqs.set(life, frame.seq);
    let index = 0;
    for (const event of frame.segments.flatMap(decodeSegment)) {
      const published = this.get(keyOf(event));
      if (release.owner(published.topic) !== router)
        throw new Violation(`${router} sequenced ${published.key}, not its own`);
      if (published.places.some((place) => place.router === router && place.incarnation === incarnation)) {
        throw new Violation(
          `${published.key} was sequenced twice by ${router} in incarnation ${incarnation}`,
        );
      }
      const kept = published.places.find(({ isKept }) => isKept);
      if (kept !== undefined) {
        throw new Violation(
          `${published.key} is kept in ${kept.stream}, and was sequenced again by ${router}`,
        );
      }
      const stream = release.streamOf(published.topic);
      const place = { incarnation, seq: frame.seq, index: index++ };
      published.places.push({ router, stream, isKept: isKept(stream), table: release.version, ...place });
    }
  }
}
