/**
 * What a router has taken of each publisher, so that it takes nothing twice (rule 5): under its table, and under those
 * before (rule 8). A publisher's numbers rise over all topics, so a mark tells of a topic only while its owner is the
 * same: with another table the router begins anew, and keeps what it had taken until then.
 */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId, Options, Segment, SequencedFrame } from "../protocol/frame.ts";
import { TAKEN, takenOption } from "../protocol/taken-elsewhere.ts";
import { toBytes, type Topic } from "../protocol/topic.ts";
import type { HeldPublish } from "./held-publishes.ts";
import type { Past } from "./keeper.ts";
import type { Place } from "./kept.ts";
import { Placement, type Route } from "./placement.ts";
import { PublisherMarks, type Verdict } from "./publisher-marks.ts";
import type { Era, RouterChange, StoredRouter } from "./router-state.ts";

interface PastEra {
  readonly number: number;
  readonly placement: Placement;
  readonly marks: ReadonlyMap<InstanceId, number>;
}

export interface TakenOptions {
  readonly name: string;
  readonly table: string;
  /** The rows of the table; without them nothing is remembered of tables before. */
  readonly routes?: readonly Route[];
}

export class Taken {
  readonly #options: TakenOptions;
  readonly #isConnected: (publisher: InstanceId) => boolean;
  #marks: PublisherMarks;
  readonly #eras: PastEra[];

  constructor(
    options: TakenOptions,
    { checkpoint, marks, eras = [] }: StoredRouter,
    isConnected: (publisher: InstanceId) => boolean,
  ) {
    this.#options = options;
    this.#isConnected = isConnected;
    this.#marks = new PublisherMarks((checkpoint ?? marks)?.marks);
    this.#eras = eras.map(pastEra);
  }

  /** All marks under this table, the publishers heard of first in front. */
  entries(): readonly (readonly [InstanceId, number])[] {
    return this.#marks.entries();
  }

  /** These frames are stored, and so taken. */
  recover(frames: Iterable<SequencedFrame>): void {
    for (const { publisher, publisherSeq } of frames)
      this.#marks.take(publisher, publisherSeq, this.#isConnected);
  }

  /** After `recover`: answers with what storage is to know of the table, if it does not. A new one also needs marks. */
  start(stored: StoredRouter): readonly RouterChange[] {
    if (hasMoved(this.#options, stored)) return [this.#beginEra(stored.table!.routes)];
    const isFirst = this.#options.routes !== undefined && stored.table === undefined;
    return isFirst ? [this.#table()] : [];
  }

  #beginEra(before: readonly Route[]): RouterChange {
    const number = (this.#eras.at(-1)?.number ?? 0) + 1;
    const era: Era = { number, routes: before, marks: this.#marks.entries() };
    this.#eras.push(pastEra(era));
    this.#marks = new PublisherMarks();
    const gone = this.#eras.splice(0, this.#eras.length - LIMITS.tableErasMax);
    return this.#table({ era, goneThrough: gone.at(-1)?.number });
  }

  #table(more: { readonly era?: Era; readonly goneThrough?: number | undefined } = {}): RouterChange {
    const { table: version, routes = [] } = this.#options;
    return { type: "table", table: { version, routes }, ...more };
  }

  /** What to do with a publish, and for one that is new, with which of its segments: others may be taken already. */
  judge(publish: HeldPublish): { readonly verdict: Verdict; readonly segments: readonly Segment[] } {
    const { frame, instance, trunk } = publish;
    // What is sent for the first time, and was taken under an earlier table, has come by a newer connection.
    const first = frame.repeat ? Infinity : (frame.first ?? frame.seq);
    if (this.#eras.some(({ marks }) => (marks.get(instance) ?? 0) >= first)) this.#marks.overtake(trunk);
    const verdict = this.#marks.judge(publish, this.#isConnected);
    const { segments, seq, origin } = frame;
    if (verdict !== "new" || this.#eras.length === 0) return { verdict, segments };
    const isTaken = ({ topic }: Segment) =>
      this.#wasTaken(topic, instance, seq) ||
      (origin !== undefined && this.#wasTaken(topic, origin.publisher, origin.seq));
    const fresh = segments.filter((segment) => !isTaken(segment));
    return { verdict: fresh.length === 0 && segments.length > 0 ? "repeat" : "new", segments: fresh };
  }

  /** Nothing waits any more. */
  settled(): void {
    this.#marks.settled();
  }

  /** What a publisher is told that may send something again which was this router's (T-10). */
  welcome(publisher: InstanceId): Options {
    const { name } = this.#options;
    const eras = this.#eras.flatMap(({ marks, placement }) => {
      const seq = marks.get(publisher);
      if (seq === undefined) return [];
      const rows = placement.routes.map((row) => ({ prefix: toBytes(row.prefix), isOwn: row.name === name }));
      return [{ rows, seq }];
    });
    return eras.length === 0 ? {} : { [TAKEN]: takenOption(eras) };
  }

  #wasTaken(topic: Topic, publisher: InstanceId, seq: number): boolean {
    return this.#eras.some(({ marks, placement }) => {
      const last = marks.get(publisher);
      return last !== undefined && seq <= last && placement.owner(topic) === this.#options.name;
    });
  }
}

const pastEra = ({ number, routes, marks }: Era): PastEra => ({
  number,
  placement: new Placement(routes),
  marks: new Map(marks),
});

/** Whether a router starts under another table than its last one. */
export function hasMoved({ table, routes }: TakenOptions, stored: StoredRouter): boolean {
  return routes !== undefined && stored.table !== undefined && stored.table.version !== table;
}

/** What a router was under the tables that it remembers. */
export function pastOf(
  router: string,
  { table, eras = [] }: StoredRouter,
  { incarnation, seq }: Place,
): Past {
  const tables = [...eras, ...(table === undefined ? [] : [table])].map(
    ({ routes }) => new Placement(routes),
  );
  return {
    at: { incarnation, seq },
    mayHaveHad: (prefix) => tables.some((placement) => placement.span(prefix).includes(router)),
  };
}
