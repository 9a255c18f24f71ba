/** Removes frames that come twice, by publisher and publisher sequence number, in bounded memory (rule 5). */
import type { InstanceId } from "./frame.ts";

export class RepeatFilter {
  readonly #lastSeqs = new Map<InstanceId, number>();
  readonly #publishersMax: number;

  /** @param publishersMax Publishers remembered; past it, those heard of first are forgotten first. */
  constructor(publishersMax: number) {
    this.#publishersMax = publishersMax;
  }

  /** Whether the frame was seen before; if not, it is remembered. */
  isRepeat(publisher: InstanceId, publisherSeq: number): boolean {
    const last = this.#lastSeqs.get(publisher);
    if (last !== undefined && publisherSeq <= last) return true;
    if (last === undefined && this.#lastSeqs.size >= this.#publishersMax) {
      const oldest = this.#lastSeqs.keys().next();
      if (oldest.done !== true) this.#lastSeqs.delete(oldest.value);
    }
    this.#lastSeqs.set(publisher, publisherSeq);
    return false;
  }
}
