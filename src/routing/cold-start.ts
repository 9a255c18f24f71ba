/**
 * A router that has lost its memory, but not its rows: until the trunks that were subscribed are back, or some time is
 * over, nothing is sequenced, so that their readers miss nothing of it (rule 6).
 */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";

export class ColdStart {
  /** Instances listed in storage whose trunks are not back yet. */
  readonly #awaited = new Set<InstanceId>();
  readonly #endsMs: number;

  constructor(nowMs: number) {
    this.#endsMs = nowMs + LIMITS.coldGraceMs;
  }

  /** When `isOver` is to be asked again, ms; Infinity when it is over. */
  get deadlineMs(): number {
    return this.#awaited.size > 0 ? this.#endsMs : Infinity;
  }

  await(instance: InstanceId): void {
    this.#awaited.add(instance);
  }

  /** A trunk of this instance has subscribed again. */
  isBack(instance: InstanceId): void {
    this.#awaited.delete(instance);
  }

  /**
   * Whether nobody is waited for any more; once over, it stays so. A clock that is set back ends it.
   * @param heldBytes Publishes that wait for it.
   */
  isOver(nowMs: number, heldBytes: number): boolean {
    const isInTime = nowMs < this.#endsMs && nowMs >= this.#endsMs - LIMITS.coldGraceMs;
    if (!isInTime || heldBytes >= LIMITS.coldBufferBytesMax) this.#awaited.clear();
    return this.#awaited.size === 0;
  }
}
