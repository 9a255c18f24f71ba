/** Removes what comes twice in a stream (rule 5). */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "./frame.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { isKept } from "./stream.ts";

/** By stream. */
type Filters = Map<string, RepeatFilter>;

export class StreamRepeats {
  /** By router table, the one in force last; while a deploy is under way, sessions have the old one or the new one. */
  readonly #tables = new Map<unknown, Filters>();
  #filters: Filters = new Map();

  /**
   * The router table as the other side names it. Numbers of a publisher rise in a stream as long as the table is the
   * same: behind another one comes what it sends again because its topic has another owner (rule 8).
   */
  under(table: unknown): void {
    this.#filters = this.#tables.get(table) ?? new Map<string, RepeatFilter>();
    this.#tables.delete(table);
    this.#tables.set(table, this.#filters);
    if (this.#tables.size > LIMITS.receiverTablesMax) this.#tables.delete(this.#tables.keys().next().value);
  }

  /** A publish with topics of several streams comes once in each. What is kept is never sequenced twice. */
  isRepeat(stream: string, publisher: InstanceId, publisherSeq: number): boolean {
    if (isKept(stream)) return false;
    let filter = this.#filters.get(stream);
    if (filter === undefined) {
      filter = new RepeatFilter(LIMITS.receiverPublishersMax);
      this.#filters.set(stream, filter);
    }
    return filter.isRepeat(publisher, publisherSeq);
  }
}
