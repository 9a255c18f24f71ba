/** The trunks of a master: one for each client instance, the one with its highest connection number (rule 1). */
import type { InstanceId } from "../protocol/frame.ts";
import type { ClientMark } from "./client-mark.ts";
import type { CloneStream } from "./clone-stream.ts";

/** What outlives a sleep together with its socket. */
export interface OpenTrunk {
  readonly id: string;
  readonly instance: InstanceId;
  readonly connection: number;
}

export interface StoreTrunk extends OpenTrunk {
  readonly mark: ClientMark;
  stream: CloneStream | undefined;
}

export class StoreTrunks implements Iterable<StoreTrunk> {
  readonly #trunks = new Map<string, StoreTrunk>();
  readonly #byInstance = new Map<InstanceId, StoreTrunk>();

  get size(): number {
    return this.#trunks.size;
  }

  get(id: string): StoreTrunk | undefined {
    return this.#trunks.get(id);
  }

  of(instance: InstanceId): StoreTrunk | undefined {
    return this.#byInstance.get(instance);
  }

  add(trunk: StoreTrunk): void {
    this.#trunks.set(trunk.id, trunk);
    this.#byInstance.set(trunk.instance, trunk);
  }

  remove(trunk: StoreTrunk): void {
    this.#trunks.delete(trunk.id);
    if (this.#byInstance.get(trunk.instance) === trunk) this.#byInstance.delete(trunk.instance);
  }

  [Symbol.iterator](): Iterator<StoreTrunk> {
    return this.#trunks.values();
  }
}
