/**
 * What a master knows of one client's commands (rule 23): the highest number that it has taken, and the results of
 * those that the client may still ask for again. Kept in the commit of the commands themselves, as CBOR:
 *
 *     [highest number, forgotten (ms), [number, code or null, flags, seq]…]   flags: 1 inserted is known, 2 inserted
 */
import { decodeItem, encodeItem } from "../data/cbor.ts";
import { isErrorCode } from "../base/errors.ts";
import { list, optional, text, uint, wrong } from "../protocol/frame-fields.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { StoredMark } from "./backend.ts";
import type { CommandResult, StoreCode } from "./command.ts";

const FLAG = { known: 1, inserted: 2 } as const;

export class ClientMark {
  readonly instance: InstanceId;
  /** What the client did up to this moment may have been forgotten before this mark was made, ms since 1970. */
  readonly forgottenMs: number;
  #last: number;
  readonly #results: Map<number, CommandResult>;

  constructor(
    instance: InstanceId,
    forgottenMs: number,
    last = 0,
    results: Iterable<readonly [number, CommandResult]> = [],
  ) {
    this.instance = instance;
    this.forgottenMs = forgottenMs;
    this.#last = last;
    this.#results = new Map(results);
  }

  /** The mark that was stored. */
  static from({ instance, bytes }: StoredMark): ClientMark {
    const [last, forgottenMs, ...results] = list(decodeItem(bytes), "mark");
    return new ClientMark(
      instance,
      uint(forgottenMs, "forgotten"),
      uint(last, "last"),
      results.map(resultOf),
    );
  }

  /** The highest number taken. */
  get last(): number {
    return this.#last;
  }

  /** The client has the results of all commands below `first`, or has given them up. */
  release(first: number): void {
    this.#last = Math.max(this.#last, first - 1);
    for (const number of this.#results.keys()) {
      if (number >= first) break;
      this.#results.delete(number);
    }
  }

  /** The result of a command that was taken before; undefined: it is not known any more. */
  resultOf(number: number): CommandResult | undefined {
    return this.#results.get(number);
  }

  /** The command behind the last one was taken. */
  take(result: CommandResult): void {
    this.#last++;
    this.#results.set(this.#last, result);
  }

  /** As it is stored. */
  stored(touchedMs: number): StoredMark {
    const results = [...this.#results].map(([number, { code, inserted, seq }]) => {
      const flags = inserted === undefined ? 0 : FLAG.known + (inserted ? FLAG.inserted : 0);
      return [number, code ?? null, flags, seq];
    });
    return {
      instance: this.instance,
      touchedMs,
      bytes: encodeItem([this.#last, this.forgottenMs, ...results]),
    };
  }
}

function resultOf(item: unknown): [number, CommandResult] {
  const [number, code, flags, seq] = list(item, "result");
  const bits = uint(flags, "flags");
  const isKnown = (bits & FLAG.known) !== 0;
  const inserted = isKnown ? { inserted: (bits & FLAG.inserted) !== 0 } : {};
  return [uint(number, "number"), { code: optional(code, codeOf), ...inserted, seq: uint(seq, "seq") }];
}

/** Only codes of results are ever written. */
function codeOf(v: unknown): StoreCode {
  const code = text(v, "code");
  return isErrorCode(code) ? (code as StoreCode) : wrong("code", "a code of stores", v);
}
