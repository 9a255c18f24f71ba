/**
 * Reads the fields of decoded frames: each takes what CBOR gave and answers with a typed value, or throws
 * `invalid_message` or `too_many` naming the field, what it must be, and what came.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  ENCODING,
  GAP_REASONS,
  PUBLISH_FLAGS,
  REPLAY_FLAGS,
  type Encoding,
  type FrameOf,
  type Gap,
  type LogMark,
  type LogRange,
  type Options,
  type Origin,
  type Position,
  type Replayed,
  type Segment,
  type SequencedFrame,
} from "./frame.ts";
import { fromBytes, prefixFromBytes, topicFromBytes, type Prefix, type Topic } from "./topic.ts";

const INSTANCE_BYTES = 16;
const HASH_BYTES = 32;

export function wrong(field: string, wanted: string, got: unknown): never {
  const is =
    got === null
      ? "null"
      : Array.isArray(got)
        ? "an array"
        : got instanceof Uint8Array
          ? "bytes"
          : typeof got;
  throw new FabricError("invalid_message", `${field} must be ${wanted}, got ${is}`);
}

export function list(v: unknown, field: string): readonly unknown[] {
  return Array.isArray(v) ? (v as readonly unknown[]) : wrong(field, "an array", v);
}

export function uint(v: unknown, field: string): number {
  const n = typeof v === "bigint" ? Number(v) : v;
  return Number.isSafeInteger(n) && (n as number) >= 0
    ? (n as number)
    : wrong(field, "an unsigned integer below 2^53", v);
}

export function text(v: unknown, field: string): string {
  return typeof v === "string" ? v : wrong(field, "a text string", v);
}

export function blob(v: unknown, field: string): Uint8Array {
  return v instanceof Uint8Array ? v : wrong(field, "a byte string", v);
}

export function options(v: unknown): Options {
  if (v === undefined || v === null) return {};
  return typeof v === "object" && !Array.isArray(v) && !(v instanceof Uint8Array)
    ? (v as Options)
    : wrong("options", "a map", v);
}

export function optional<T>(v: unknown, parse: (v: unknown) => T): T | undefined {
  return v === undefined || v === null ? undefined : parse(v);
}

function sized(v: unknown, field: string, size: number): Uint8Array {
  const bytes = blob(v, field);
  return bytes.length === size ? bytes : wrong(field, `${size} bytes`, `${bytes.length} bytes`);
}

export function id16(v: unknown, field: string): string {
  return fromBytes(sized(v, field, INSTANCE_BYTES));
}

export function hash(v: unknown): Uint8Array {
  return sized(v, "hash", HASH_BYTES);
}

export function prefixes(v: unknown): readonly Prefix[] {
  const all = list(v, "prefixes");
  if (all.length > LIMITS.subscriptionsMax) {
    throw new FabricError(
      "too_many",
      `${all.length} prefixes in one frame, at most ${LIMITS.subscriptionsMax} are allowed`,
    );
  }
  return all.map((p) => prefixFromBytes(blob(p, "prefix")));
}

export function position(v: unknown): Position {
  const a = list(v, "position");
  return { router: text(a[0], "router"), incarnation: uint(a[1], "incarnation"), seq: uint(a[2], "seq") };
}

export function positions(v: unknown): readonly Position[] {
  const all = list(v, "positions");
  if (all.length > LIMITS.positionsMax) {
    throw new FabricError(
      "too_many",
      `${all.length} positions in one frame, at most ${LIMITS.positionsMax} are allowed`,
    );
  }
  return all.map(position);
}

export function gap(v: unknown): Gap {
  const a = list(v, "gap");
  const events = optional(a[3], (n) => uint(n, "events"));
  const reason = optional(a[4], (n) => GAP_REASONS[uint(n, "reason")]);
  return {
    extent: uint(a[0], "extent") === 0 ? "exact" : "unknown",
    from: position(a[1]),
    to: position(a[2]),
    ...(events === undefined ? {} : { events }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The flags of a publish frame, and what two of them announce. */
export function publishFlagged(
  v: unknown,
  from: unknown,
  first: unknown,
): Pick<FrameOf<"publish">, "repeat" | "receipt" | "origin" | "first"> {
  const flags = uint(v, "flags");
  return {
    repeat: (flags & PUBLISH_FLAGS.repeat) !== 0,
    ...((flags & PUBLISH_FLAGS.receipt) === 0 ? {} : { receipt: true as const }),
    ...((flags & PUBLISH_FLAGS.origin) === 0 ? {} : { origin: origin(from) }),
    ...((flags & PUBLISH_FLAGS.joined) === 0 ? {} : { first: uint(first, "first") }),
  };
}

function origin(v: unknown): Origin {
  const a = list(v, "origin");
  return { publisher: id16(a[0], "origin publisher"), seq: uint(a[1], "origin seq"), path: path(a[2]) };
}

function path(v: unknown): readonly string[] {
  const names = list(v, "path").map((name) => text(name, "path"));
  if (names.length > LIMITS.hopsMax) {
    throw new FabricError("too_many", `${names.length} hops, at most ${LIMITS.hopsMax} are allowed`);
  }
  const long = names.find((name) => name.length > LIMITS.fabricNameMax);
  if (long !== undefined) wrong("path", `names of at most ${LIMITS.fabricNameMax} characters`, long);
  return names;
}

/** The flags of a deliver frame, where there are any. */
export function replayed(v: unknown): { readonly replay?: Replayed } {
  const flags = v === undefined ? 0 : uint(v, "flags");
  if ((flags & REPLAY_FLAGS.history) === REPLAY_FLAGS.history) return { replay: "history" };
  return (flags & REPLAY_FLAGS.resumed) === 0 ? {} : { replay: "resumed" };
}

export function range(v: unknown): LogRange {
  const a = list(v, "range");
  return { source: text(a[0], "source"), from: uint(a[1], "from"), to: uint(a[2], "to") };
}

export function mark(v: unknown): LogMark {
  const a = list(v, "mark");
  return { number: uint(a[0], "number"), hash: blob(a[1], "hash"), range: optional(a[2], range) };
}

/** Entries that stand flat, `width` elements for each. */
export function rowsOf(v: unknown, width: number, field: string): readonly (readonly unknown[])[] {
  const flat = list(v, field);
  if (flat.length % width !== 0) wrong(field, `an array of ${width} elements for each entry`, v);
  const out: (readonly unknown[])[] = [];
  for (let i = 0; i < flat.length; i += width) out.push(flat.slice(i, i + width));
  return out;
}

export function topicOf(v: unknown): Topic {
  return topicFromBytes(blob(v, "topic"));
}

export function segments(v: unknown): readonly Segment[] {
  const flat = list(v, "segments");
  if (flat.length % 4 !== 0) wrong("segments", "an array of four elements for each segment", v);
  if (flat.length / 4 > LIMITS.segmentsMax) {
    throw new FabricError(
      "too_many",
      `${flat.length / 4} segments in one frame, at most ${LIMITS.segmentsMax} are allowed`,
    );
  }
  const out: Segment[] = [];
  for (let i = 0; i < flat.length; i += 4) {
    const encoding = flat[i + 1];
    if (encoding !== ENCODING.json && encoding !== ENCODING.cbor)
      wrong("encoding", "1 (JSON v1) or 2 (CBOR)", encoding);
    out.push({
      topic: topicOf(flat[i]),
      encoding: encoding as Encoding,
      count: uint(flat[i + 2], "count"),
      payload: blob(flat[i + 3], "payload"),
    });
  }
  return out;
}

export function sequenced(v: unknown): SequencedFrame {
  const a = list(v, "sequenced frame");
  return {
    seq: uint(a[0], "seq"),
    publisher: id16(a[1], "publisher"),
    publisherSeq: uint(a[2], "publisher seq"),
    ...(a[4] === undefined ? {} : { path: path(a[4]) }),
    segments: segments(a[3]),
  };
}
