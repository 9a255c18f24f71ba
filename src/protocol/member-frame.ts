/** Frames about nodes: who joins, and numbered views of who is there (PROTOCOL.md, "Membership"). Shapes only. */

/** Their type numbers, in those of frame.ts. */
export const MEMBER_FRAME = { join: 9, watch: 10, joined: 28, view: 29 } as const;

/** A node that is there. */
export interface Member {
  readonly name: string;
  /** By its Zeek name: "WORKER". */
  readonly nodeType: string;
  /** One life of the node. */
  readonly nodeId: string;
}

/** A node that is not there any more: the life that has ended. */
export type Departure = Pick<Member, "name" | "nodeId">;

/** A state of the membership. Views of another life of it do not compare. */
export interface ViewId {
  readonly life: string;
  /** 1, 2, 3, …; 0 before the first change. */
  readonly number: number;
}

export type MemberFrame =
  /** The peer is this node from now on. `id` names it in the answer, and in an error that ends it. */
  | {
      readonly type: "join";
      readonly id: number;
      readonly name: string;
      readonly nodeType: string;
      readonly options: Readonly<Record<string, unknown>>;
    }
  /** Asks for the view, and for every change of it. `known` is what the asker has; undefined for nothing. */
  | { readonly type: "watch"; readonly known: ViewId | undefined }
  | {
      readonly type: "joined";
      readonly id: number;
      readonly nodeId: string;
      readonly options: Readonly<Record<string, unknown>>;
    }
  /** The view `id`: all of it without a base, else what changed since that number. Departures go first. */
  | {
      readonly type: "view";
      readonly id: ViewId;
      readonly base: number | undefined;
      readonly up: readonly Member[];
      readonly down: readonly Departure[];
    };

export type ViewFrame = Extract<MemberFrame, { type: "view" }>;
export type JoinFrame = Extract<MemberFrame, { type: "join" }>;
