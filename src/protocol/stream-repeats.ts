/** Removes what comes twice in a stream (rule 5). */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "./frame.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { isKept } from "./stream.ts";

export class StreamRepeats {
  readonly #filters = new Map<string, RepeatFilter>();
  #table: unknown;

  /**
   * The router table as the other side names it. Numbers of a publisher rise in a stream as long as the table is the
   * same: behind another one comes what it sends again because its topic has another owner (rule 8).
   */
  under(table: unknown): void {
    if (table !== this.#table) this.#filters.clear();
    this.#table = table;
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
