/**
 * Frames of the native protocol and of trunks: their types and numbers (PROTOCOL.md, "Frames"). The bytes are in
 * frame-codec.ts. This file knows shapes and sizes only; what a frame means is in the session and router engines.
 */
import { MEMBER_FRAME, type MemberFrame } from "./member-frame.ts";
import { POOL_FRAME, type PoolFrame } from "./pool-frame.ts";
import type { Prefix, Topic } from "./topic.ts";

/** Type numbers on the wire. Below 16 towards the fabric, from 16 on towards the peer. */
export const FRAME = {
  hello: 1,
  subscribe: 2,
  unsubscribe: 3,
  publish: 4,
  logBatch: 5,
  logResume: 6,
  ping: 7,
  credit: 8,
  welcome: 16,
  subscribed: 17,
  deliver: 18,
  published: 19,
  logAck: 20,
  logRefused: 21,
  pong: 22,
  error: 23,
  gap: 24,
  goaway: 25,
  recovered: 26,
  publishRefused: 27,
  ...MEMBER_FRAME,
  ...POOL_FRAME,
} as const;

/** How the events of a segment are written: lines of canonical JSON v1 messages, or a CBOR sequence of events. */
export const ENCODING = { json: 1, cbor: 2 } as const;
export type Encoding = (typeof ENCODING)[keyof typeof ENCODING];

/** A run of events with one topic, encoded together. */
export interface Segment {
  readonly topic: Topic;
  readonly encoding: Encoding;
  /** Events in `payload`. */
  readonly count: number;
  readonly payload: Uint8Array;
}

/** What the header of a segment takes at most beside its topic, bytes: lengths, encoding and count. */
const SEGMENT_HEADER_BYTES = 18;

/** What segments take in a frame, and thus in memory, bytes. */
export function segmentsBytes(segments: readonly Segment[]): number {
  let bytes = 0;
  for (const { topic, payload } of segments) bytes += SEGMENT_HEADER_BYTES + topic.length + payload.length;
  return bytes;
}

/** Events in segments. */
export function segmentsEvents(segments: readonly Segment[]): number {
  let events = 0;
  for (const { count } of segments) events += count;
  return events;
}

/** Events in sequenced frames. */
export function framesEvents(frames: readonly SequencedFrame[]): number {
  let events = 0;
  for (const { segments } of frames) events += segmentsEvents(segments);
  return events;
}

/** 128 random bits, as a byte string of 16 chars: one life of a client, or of a log writer's state (rules 1, 17). */
export type InstanceId = string;

/** Free-form options of control frames: what a side does not know, it ignores. */
export type Options = Readonly<Record<string, unknown>>;

/** Where a reader stands in one stream of a router (rule 2). */
export interface Position {
  /** The stream: the router's name, or that of a stream that it keeps (stream.ts). Readers compare it, no more. */
  readonly router: string;
  readonly incarnation: number;
  readonly seq: number;
}

/** What a reader missed between two positions of one router; `unknown` when the router cannot tell (rule 4). */
export interface Gap {
  readonly extent: "exact" | "unknown";
  readonly from: Position;
  readonly to: Position;
  /** Events that fell into it, where the frames were still at hand to be counted. */
  readonly events?: number;
  readonly reason?: GapReason;
}

/**
 * `overflow`: the reader was too slow. `restarted`: the router lost its memory. `expired`: what was kept is older than
 * it is kept for. `away`: the reader was not connected, and its topics are not kept.
 */
export type GapReason = (typeof GAP_REASONS)[number];
export const GAP_REASONS = ["overflow", "restarted", "expired", "away"] as const;

/**
 * A delivery of what was kept. `resumed`: it continues where its reader stood, over incarnations too, so `prev` is not
 * compared. `history`: it is older than where its reader stands, which stays there.
 */
export type Replayed = "resumed" | "history";

/** Bits of the flags of a publish frame. */
export const PUBLISH_FLAGS = { repeat: 1, receipt: 2, origin: 4, joined: 8 } as const;

/** Bits of the flags of a deliver frame: history is both. */
export const REPLAY_FLAGS = { resumed: 1, history: 3 } as const satisfies Record<Replayed, number>;

/** The publish that a peering carries on: who published it first, and by which fabrics it has come. */
export interface Origin {
  readonly publisher: InstanceId;
  /** Its number there. */
  readonly seq: number;
  /** Names of the fabrics and endpoints that it has left, the first one in front. */
  readonly path: readonly string[];
}

/** One publish as sequenced by a router. */
export interface SequencedFrame {
  readonly seq: number;
  readonly publisher: InstanceId;
  readonly publisherSeq: number;
  /** Of a publish that came from another fabric: as `Origin` has it. */
  readonly path?: readonly string[];
  readonly segments: readonly Segment[];
}

/** The part of its source that a log batch covers, so that a repeat can be told from another batch (rule 18). */
export interface LogRange {
  /** Identity of the source, chosen by the writer: for a file, its device, inode and path. */
  readonly source: string;
  /** Byte range in the uncompressed source. */
  readonly from: number;
  readonly to: number;
}

/** The last batch of a writer that a logger has taken. Number 0 stands for none. */
export interface LogMark {
  readonly number: number;
  /** SHA-256 of the batch's bytes, 32 bytes; empty for number 0. */
  readonly hash: Uint8Array;
  readonly range: LogRange | undefined;
}

/** Records of one stream on their way to one logger. */
export interface LogBatchFrame {
  readonly type: "logBatch";
  readonly logger: string;
  readonly writer: InstanceId;
  /** When the writer's state was made, ms since 1970. */
  readonly birthMs: number;
  /** 1, 2, 3, … per writer and logger. */
  readonly number: number;
  readonly stream: string;
  /** Lines in the inflated bytes. */
  readonly records: number;
  /** SHA-256 of `bytes`. */
  readonly hash: Uint8Array;
  readonly range: LogRange | undefined;
  /** gzip of NDJSON, each line ended by LF. */
  readonly bytes: Uint8Array;
}

export type Frame =
  | {
      readonly type: "hello";
      readonly versions: readonly [min: number, max: number];
      readonly instance: InstanceId;
      readonly connection: number;
      readonly options: Options;
    }
  | {
      readonly type: "subscribe";
      readonly id: number;
      readonly prefixes: readonly Prefix[];
      /** Where this reader stands at each router, when it comes back; empty at first. */
      readonly positions: readonly Position[];
      readonly options: Options;
    }
  | { readonly type: "unsubscribe"; readonly id: number; readonly prefixes: readonly Prefix[] }
  | {
      readonly type: "publish";
      readonly seq: number;
      /** Sent before, and not known to have been taken. */
      readonly repeat: boolean;
      /** Whether its publisher wants to know how many receivers it had. */
      readonly receipt?: boolean;
      /**
       * The first number of the publishes that a session has joined in this one, `seq` being the last; absent for one.
       * On trunks only.
       */
      readonly first?: number;
      /** Where it comes from, when a peering carries it on from another fabric. */
      readonly origin?: Origin;
      readonly segments: readonly Segment[];
    }
  | LogBatchFrame
  | {
      readonly type: "logResume";
      readonly logger: string;
      readonly writer: InstanceId;
      readonly birthMs: number;
    }
  | { readonly type: "ping"; readonly id: number }
  | {
      readonly type: "welcome";
      readonly version: number;
      readonly endpoint: string;
      readonly options: Options;
    }
  | {
      readonly type: "subscribed";
      readonly id: number;
      /** From where the subscription is live, for each router that it spans. */
      readonly positions: readonly Position[];
      /** What was missed since the positions given, if anything. */
      readonly gaps: readonly Gap[];
    }
  | {
      readonly type: "deliver";
      readonly router: string;
      readonly incarnation: number;
      readonly prev: number;
      readonly frames: readonly SequencedFrame[];
      /** Absent while the stream is live. */
      readonly replay?: Replayed;
    }
  /**
   * Every publish of this connection up to and including `seq` is sequenced at `router`, and stored where its topics
   * are kept (rule 10). `receivers`: live readers of other peers that the publish with this very number went to,
   * where it had asked for a receipt.
   */
  | { readonly type: "published"; readonly router: string; readonly seq: number; readonly receivers?: number }
  /** The publish was refused for good: it went nowhere. */
  | { readonly type: "publishRefused"; readonly seq: number; readonly code: string; readonly message: string }
  /**
   * The reader has consumed every delivery of `router` up to this position, and lets `window` bytes be under way
   * (design.md, decision 4).
   */
  | { readonly type: "credit"; readonly position: Position; readonly window: number }
  /** A reader that came back has been sent all that was kept for it; it is live from `position` on (rule 11). */
  | { readonly type: "recovered"; readonly position: Position; readonly complete: boolean }
  /** Answers a batch and `logResume`: the logger has taken everything up to and including `last`. */
  | { readonly type: "logAck"; readonly logger: string; readonly writer: InstanceId; readonly last: LogMark }
  | {
      readonly type: "logRefused";
      readonly logger: string;
      readonly writer: InstanceId;
      readonly number: number;
      readonly code: string;
      readonly message: string;
      readonly last: LogMark | undefined;
    }
  | { readonly type: "pong"; readonly id: number }
  /** `id` is that of the subscribe or unsubscribe refused, or undefined: then the connection is about to close. */
  | {
      readonly type: "error";
      readonly id: number | undefined;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "gap"; readonly gap: Gap }
  | { readonly type: "goaway"; readonly reason: string }
  | MemberFrame
  | PoolFrame;

export type FrameType = Frame["type"];
export type FrameOf<T extends FrameType> = Extract<Frame, { type: T }>;
