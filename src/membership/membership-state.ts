/** What Membership keeps, and what it asks its driver to do. Shapes only. */
import type { InstanceId } from "../protocol/frame.ts";
import type { Departure, Member } from "../protocol/member-frame.ts";

/** How the end of a node shows: in silence, or only in the close of its connection (rule 32). */
export const LIVENESS = ["heartbeat", "close"] as const;
export type Liveness = (typeof LIVENESS)[number];

/** The node that a trunk speaks for. */
export interface Joined extends Member {
  readonly liveness: Liveness;
  /** The session's id of its join. */
  readonly joinId: number;
  /** When this life joined first, ms: a later one has its name. Absent in what an earlier release attached. */
  readonly since?: number;
}

/** A trunk that has said hello. It is kept with its socket, so it outlives a sleep and no crash. */
export interface TrunkState {
  readonly instance: InstanceId;
  readonly connection: number;
  readonly isWatching: boolean;
  readonly joined: Joined | undefined;
}

/** All that storage holds: the last view. What happened since is still in the sockets, or comes back with them. */
export interface StoredMembership {
  /** Made with the storage: views of another life do not compare. */
  readonly life: string;
  readonly view: number;
  readonly members: readonly Member[];
}

/** A node whose name another life took over while it was there. */
export interface Duplicate extends Departure {
  /** The life that has the name now. */
  readonly by: string;
}

/** A new view: one transaction, before anything of it is sent (rule 35). */
export interface MembershipCommit {
  readonly view: number;
  readonly down: readonly Departure[];
  readonly up: readonly Member[];
  /** Since the last view. */
  readonly duplicates: readonly Duplicate[];
}

/** In this order: commit, attach, send, close. */
export type MembershipEffect =
  | { readonly type: "commit"; readonly commit: MembershipCommit }
  | { readonly type: "attach"; readonly trunk: string; readonly state: TrunkState }
  | { readonly type: "send"; readonly trunks: readonly string[]; readonly bytes: Uint8Array }
  | { readonly type: "close"; readonly trunk: string; readonly code: number; readonly reason: string };
