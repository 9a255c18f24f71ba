/**
 * What one trunk is subscribed to: what is in force, what was asked for and has no answer, and what a new connection
 * begins with (rules 3, 8 and 11).
 */
import type { FrameOf, Options, Position } from "./frame.ts";
import type { Prefix } from "./topic.ts";

/** A subscription without an answer; to be asked for again until it is confirmed. */
interface Asked {
  readonly id: number;
  readonly prefixes: readonly Prefix[];
  /** Those of them that were not in force before: a new connection takes the others up from where the reader stands. */
  readonly added: readonly Prefix[];
  readonly history: unknown;
  /** Whether the reader was subscribed to them before, over another trunk. */
  readonly isBack: boolean;
}

export class TrunkSubscriptions {
  readonly #prefixes = new Set<Prefix>();
  #asked: Asked[] = [];
  #lastId = 0;
  #confirmedId = 0;
  /** Whether the next subscription is that of a reader who comes back. */
  #isBack = false;

  /** Whether there is nothing to be subscribed to. */
  get isEmpty(): boolean {
    return this.#prefixes.size === 0;
  }

  /** Whether some change has no answer. */
  get hasChange(): boolean {
    return this.#lastId > this.#confirmedId;
  }

  /** The end outlived its memory with these in force, and nothing under way. */
  woken(id: number, prefixes: Iterable<Prefix>): void {
    this.#lastId = id;
    this.#confirmedId = id;
    for (const prefix of prefixes) this.#prefixes.add(prefix);
  }

  /** The next subscription is that of a reader who was subscribed to the same before. */
  comesBack(): void {
    this.#isBack = true;
  }

  /** Adds prefixes. `at`: where the reader stands, which the frame of one who comes back says. */
  add(
    id: number,
    prefixes: readonly Prefix[],
    history: unknown,
    at: readonly Position[],
  ): FrameOf<"subscribe"> {
    const added = prefixes.filter((prefix) => !this.#prefixes.has(prefix));
    for (const prefix of added) this.#prefixes.add(prefix);
    const asked = { id, prefixes, added, history, isBack: this.#isBack };
    this.#lastId = id;
    this.#isBack = false;
    this.#asked.push(asked);
    return frameOf(asked, at);
  }

  /** Takes prefixes away. */
  remove(id: number, prefixes: readonly Prefix[]): FrameOf<"unsubscribe"> {
    this.#lastId = id;
    for (const prefix of prefixes) this.#prefixes.delete(prefix);
    return { type: "unsubscribe", id, prefixes };
  }

  /** Takes prefixes away of which the peer has not asked it; that is answered with the id of the last change. */
  leave(prefixes: readonly Prefix[]): FrameOf<"unsubscribe"> {
    return this.remove(this.#lastId, prefixes);
  }

  /** What a new connection begins with: what was in force, from where the reader stands; then the rest, one by one. */
  again(at: readonly Position[]): readonly (FrameOf<"subscribe"> | FrameOf<"unsubscribe">)[] {
    const later = new Set(this.#asked.flatMap(({ added }) => added));
    const before = [...this.#prefixes].filter((prefix) => !later.has(prefix));
    const frames: (FrameOf<"subscribe"> | FrameOf<"unsubscribe">)[] = [];
    if (before.length > 0) {
      const id = (this.#asked[0]?.id ?? this.#lastId + 1) - 1;
      frames.push(frameOf({ id, prefixes: before, history: undefined, isBack: true }, at));
    }
    for (const asked of this.#asked) {
      const prefixes = asked.prefixes.filter((prefix) => this.#prefixes.has(prefix));
      if (prefixes.length > 0) frames.push(frameOf({ ...asked, prefixes }, at));
    }
    const last = frames.at(-1);
    if (this.hasChange && last?.id !== this.#lastId) {
      frames.push({ type: "unsubscribe", id: this.#lastId, prefixes: [] });
    }
    return frames;
  }

  /** Changes up to this id are in force. Answers with the prefixes of those that began with a history. */
  confirmed(id: number): readonly Prefix[] {
    this.#confirmedId = Math.max(this.#confirmedId, id);
    const histories = this.#asked.filter((asked) => asked.id <= id && asked.history !== undefined);
    this.#asked = this.#asked.filter((asked) => asked.id > id);
    return histories.flatMap(({ prefixes }) => prefixes);
  }
}

function frameOf(
  { id, prefixes, history, isBack }: Omit<Asked, "added">,
  at: readonly Position[],
): FrameOf<"subscribe"> {
  const options: Options = {
    ...(history === undefined ? {} : { history }),
    ...(isBack ? { back: true } : {}),
  };
  return { type: "subscribe", id, prefixes, positions: isBack ? at : [], options };
}
