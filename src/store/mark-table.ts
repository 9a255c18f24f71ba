/** The marks of a backend that holds them in memory. */
import type { InstanceId } from "../protocol/frame.ts";
import type { StoredMark } from "./backend.ts";

export class MarkTable {
  readonly #marks = new Map<InstanceId, StoredMark>();

  mark(instance: InstanceId): StoredMark | undefined {
    return this.#marks.get(instance);
  }

  setMark(mark: StoredMark): void {
    this.#marks.set(mark.instance, mark);
  }

  forgetMarks(beforeMs: number, marksMax: number): number | undefined {
    const oldest = [...this.#marks.values()].toSorted((a, b) => a.touchedMs - b.touchedMs);
    const over = oldest.length - marksMax;
    const forgotten = oldest.filter((mark, i) => i < over || mark.touchedMs < beforeMs);
    for (const { instance } of forgotten) this.#marks.delete(instance);
    return forgotten.at(-1)?.touchedMs;
  }
}
