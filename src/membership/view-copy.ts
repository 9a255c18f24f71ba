/**
 * A copy of the view: the nodes that are there, as of one number (rule 33). Sessions and clients hold one each, or share
 * one; changes come in order, and what does not fit is asked for again.
 */
import type { Departure, Member, ViewFrame, ViewId } from "../protocol/member-frame.ts";

/** What a view changed: departures first, then arrivals. A life that replaces another is in both. */
export interface ViewDelta {
  readonly down: readonly Departure[];
  readonly up: readonly Member[];
}

/** `gap`: changes in between are missing: ask with `id`. `known`: nothing new. */
export type Taken = ViewDelta | "known" | "gap";

export class ViewCopy {
  #id: ViewId | undefined;
  readonly #members = new Map<string, Member>();

  /** Undefined before the first view. */
  get id(): ViewId | undefined {
    return this.#id;
  }

  /** The nodes, by name. */
  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** Nodes of a type that are there; of "WORKER" it is Bro 2.6's `Cluster::worker_count`. */
  count(nodeType: string): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.nodeType === nodeType) count++;
    return count;
  }

  /** Whether a node is there in this life. */
  isUp({ name, nodeId }: Departure): boolean {
    return this.#members.get(name)?.nodeId === nodeId;
  }

  /** Takes a view of Membership. */
  take({ id, base, up, down }: ViewFrame): Taken {
    const isSameLife = this.#id?.life === id.life;
    if (isSameLife && id.number <= this.#id!.number) return "known";
    if (base === undefined) return this.#replace(id, up);
    if (!isSameLife || base !== this.#id!.number) return "gap";
    this.#id = id;
    for (const { name } of down) this.#members.delete(name);
    for (const member of up) this.#members.set(member.name, member);
    return { down, up };
  }

  /** The whole view as a frame; undefined before the first. */
  snapshot(): ViewFrame | undefined {
    if (this.#id === undefined) return undefined;
    return { type: "view", id: this.#id, base: undefined, up: [...this.#members.values()], down: [] };
  }

  #replace(id: ViewId, members: readonly Member[]): ViewDelta {
    const before = new Map(this.#members);
    this.#id = id;
    this.#members.clear();
    for (const member of members) this.#members.set(member.name, member);
    const up = members.filter(({ name, nodeId }) => before.get(name)?.nodeId !== nodeId);
    const down = [...before.values()].filter((member) => !this.isUp(member));
    return { down, up };
  }
}
