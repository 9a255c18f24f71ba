/** The trunks of a router that have said hello, one for each instance (rule 1), and whose rows are to be written. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { Output } from "./output.ts";
import type { Trunk } from "./trunk.ts";

export class Trunks {
  readonly #byId = new Map<string, Trunk>();
  readonly #byInstance = new Map<InstanceId, Trunk>();
  /** Ids of trunks whose row is to be written, or deleted when they are gone. */
  readonly #changed = new Set<string>();

  readonly isConnected = (instance: InstanceId): boolean => this.#byInstance.has(instance);

  get size(): number {
    return this.#byId.size;
  }

  /** Throws `unavailable` when there are as many as a router takes. */
  assertRoom(): void {
    if (this.size < LIMITS.trunksMax) return;
    throw new FabricError("unavailable", `the router has ${LIMITS.trunksMax} trunks, more it does not take`);
  }

  get(id: string): Trunk | undefined {
    return this.#byId.get(id);
  }

  of(instance: InstanceId): Trunk | undefined {
    return this.#byInstance.get(instance);
  }

  values(): Iterable<Trunk> {
    return this.#byId.values();
  }

  add(trunk: Trunk): Trunk {
    this.#byId.set(trunk.id, trunk);
    this.#byInstance.set(trunk.instance, trunk);
    return trunk;
  }

  remove({ id, instance }: Trunk): void {
    this.#byId.delete(id);
    this.#byInstance.delete(instance);
    this.#changed.add(id);
  }

  /** Its row is to be written with this turn. */
  changed(id: string): void {
    this.#changed.add(id);
  }

  /** @param seq Where a trunk stands that is subscribed to nothing. */
  persist(out: Output, seq: number): void {
    for (const id of this.#changed) {
      const trunk = this.#byId.get(id);
      if (trunk === undefined) out.persist({ type: "trunkGone", id });
      else out.persist({ type: "trunk", row: trunk.row(seq) });
    }
    this.#changed.clear();
  }
}
