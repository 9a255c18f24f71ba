/** The state of one script: what is stored, and over it what this turn has changed. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeValue, encodeValue } from "../data/cbor-value.ts";
import type { Value } from "../data/value.ts";
import { byteString } from "../protocol/topic.ts";
import { toValue, type Argument } from "../sdk/values.ts";
import type { StateStore } from "./effects.ts";
import type { Turn } from "./turn.ts";
import type { State } from "./zeek.ts";

/** What all scripts of a node have changed in this turn; undefined for what was erased. */
export type StateChanges = Map<string, Uint8Array | undefined>;

/** Between the name of a script and its keys: no name has one. */
const SEPARATOR = "/";

export class ScriptState implements State {
  readonly #prefix: string;
  readonly #store: StateStore;
  readonly #changes: StateChanges;
  readonly #turn: Turn;

  constructor(script: string, store: StateStore, changes: StateChanges, turn: Turn) {
    this.#prefix = script + SEPARATOR;
    this.#store = store;
    this.#changes = changes;
    this.#turn = turn;
  }

  get(key: string): Value | undefined {
    const bytes = this.#bytes(this.#prefix + key);
    return bytes === undefined ? undefined : decodeValue(bytes);
  }

  has(key: string): boolean {
    return this.#bytes(this.#prefix + key) !== undefined;
  }

  set(key: string, argument: Argument): void {
    this.#turn.acting("state.set");
    const length = byteString(key).length;
    if (length > LIMITS.scriptStateKeyBytesMax) {
      throw new FabricError(
        "too_large",
        `the key has ${length} bytes, more than ${LIMITS.scriptStateKeyBytesMax}`,
      );
    }
    const bytes = encodeValue(toValue(argument));
    if (bytes.length > LIMITS.scriptStateValueBytesMax) {
      throw new FabricError(
        "too_large",
        `the value has ${bytes.length} bytes, more than ${LIMITS.scriptStateValueBytesMax}`,
      );
    }
    this.#changes.set(this.#prefix + key, bytes);
  }

  delete(key: string): boolean {
    this.#turn.acting("state.delete");
    const isThere = this.has(key);
    if (isThere) this.#changes.set(this.#prefix + key, undefined);
    return isThere;
  }

  entries(prefix = ""): readonly (readonly [key: string, value: Value])[] {
    const full = this.#prefix + prefix;
    const found = new Map(this.#store.entries(full));
    for (const [key, bytes] of this.#changes) {
      if (!key.startsWith(full)) continue;
      if (bytes === undefined) found.delete(key);
      else found.set(key, bytes);
    }
    return [...found]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, bytes]) => [key.slice(this.#prefix.length), decodeValue(bytes)] as const);
  }

  #bytes(key: string): Uint8Array | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#store.get(key);
  }
}
