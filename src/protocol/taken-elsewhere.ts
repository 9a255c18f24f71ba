/**
 * What former owners of topics have taken of a publisher, so that what it sends again after its topics have moved is
 * stored once (rule 8; PROTOCOL.md, T-10). Numbers of a publisher rise over all topics, and a connection sends again
 * what is unacknowledged in order: so under the table of that time a router has everything up to its mark that was its own.
 */
import { FabricError } from "../base/errors.ts";
import type { FrameOf, Options } from "./frame.ts";
import { fromBytes, type Topic } from "./topic.ts";

/** The option of a router's welcome. */
export const TAKEN = "taken";

/** One table of the past: its rows, and the last number of the publisher that the router took under it. */
export interface TakenEra {
  readonly rows: readonly { readonly prefix: Uint8Array; readonly isOwn: boolean }[];
  readonly seq: number;
}

/** Eras as the option holds them: `[seq, [prefix, isOwn, …]]` each. */
export function takenOption(eras: readonly TakenEra[]): unknown {
  return eras.map(({ rows, seq }) => [seq, rows.flatMap(({ prefix, isOwn }) => [prefix, isOwn])]);
}

interface Era {
  readonly seq: number;
  /** Longest prefix first. */
  readonly rows: readonly { readonly prefix: string; readonly isOwn: boolean }[];
}

export class TakenElsewhere {
  /** By router that has been asked; undefined until it has answered. */
  readonly #eras = new Map<string, readonly Era[] | undefined>();
  /** The highest number that somebody has taken, and the lowest one that is new. */
  #lastTaken = 0;
  #firstNew = Infinity;

  /** Whether everybody has answered, and something is left to say. */
  get isKnown(): boolean {
    if (this.#firstNew <= this.#lastTaken) return false;
    for (const eras of this.#eras.values()) if (eras === undefined) return false;
    return true;
  }

  /** Asks a router; false when it was asked before. */
  ask(router: string): boolean {
    if (this.#eras.has(router)) return false;
    this.#eras.set(router, undefined);
    return true;
  }

  /** Whether a router has still to answer. */
  isAsked(router: string): boolean {
    return this.#eras.has(router) && this.#eras.get(router) === undefined;
  }

  /** A router says what it has taken. Throws `superseded`, and `invalid_message` when its option is malformed. */
  welcomed(router: string, options: Options): void {
    const eras = parse(options[TAKEN] ?? []);
    this.#eras.set(router, eras);
    this.#lastTaken = Math.max(this.#lastTaken, ...eras.map(({ seq }) => seq));
    this.#assertNew();
  }

  /**
   * A publish is new: nobody can have taken it, unless the client has sent it again over a newer connection, to which a
   * session had the table before. Throws `superseded` then: to that one all the rest belongs.
   */
  isNew(seq: number): void {
    this.#firstNew = Math.min(this.#firstNew, seq);
    this.#assertNew();
  }

  #assertNew(): void {
    if (this.#firstNew > this.#lastTaken) return;
    throw new FabricError("superseded", "a newer connection of this client has published the same");
  }

  /** The publish without what is taken; its number stays, so that it is acknowledged in its place. */
  fresh(frame: FrameOf<"publish">): FrameOf<"publish"> {
    const segments = frame.segments.filter(({ topic }) => !this.#isTaken(topic, frame.seq));
    return segments.length === frame.segments.length ? frame : { ...frame, segments };
  }

  #isTaken(topic: Topic, seq: number): boolean {
    for (const eras of this.#eras.values()) {
      for (const era of eras ?? []) {
        const row = era.rows.find(({ prefix }) => topic.startsWith(prefix));
        if (seq <= era.seq && row?.isOwn === true) return true;
      }
    }
    return false;
  }
}

function parse(option: unknown): readonly Era[] {
  return asList(option).map((item) => {
    const [seq, flat] = asList(item);
    if (typeof seq !== "number") malformed();
    const all = asList(flat);
    const rows: { prefix: string; isOwn: boolean }[] = [];
    for (let i = 0; i + 1 < all.length; i += 2) {
      const prefix = all[i];
      if (!(prefix instanceof Uint8Array)) malformed();
      rows.push({ prefix: fromBytes(prefix), isOwn: all[i + 1] === true });
    }
    return { seq, rows: rows.toSorted((a, b) => b.prefix.length - a.prefix.length) };
  });
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : malformed();
}

function malformed(): never {
  throw new FabricError("invalid_message", `the option '${TAKEN}' of a router is malformed`);
}
