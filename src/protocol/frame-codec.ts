/**
 * The bytes of frames: one CBOR array each, the type number first. A decoder ignores elements behind those it knows
 * and keys of maps that it does not know. Every error is `invalid_message` or `too_large` and names the field.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeItem, encodeItem } from "../data/cbor.ts";
import {
  ENCODING,
  FRAME,
  type Encoding,
  type Frame,
  type Gap,
  type LogMark,
  type LogRange,
  type Options,
  type Position,
  type Segment,
  type SequencedFrame,
} from "./frame.ts";
import { fromBytes, prefixFromBytes, toBytes, topicFromBytes, type Prefix } from "./topic.ts";

const INSTANCE_BYTES = 16;
const HASH_BYTES = 32;

/** Encodes a frame. Cost: one copy of its payloads. */
export function encodeFrame(frame: Frame): Uint8Array {
  return encodeItem(fields(frame));
}

function fields(frame: Frame): unknown[] {
  switch (frame.type) {
    case "hello":
      return [FRAME.hello, frame.versions, toBytes(frame.instance), frame.connection, frame.options];
    case "subscribe":
      return [
        FRAME.subscribe,
        frame.id,
        frame.prefixes.map(toBytes),
        frame.positions.map(positionFields),
        frame.options,
      ];
    case "unsubscribe":
      return [FRAME.unsubscribe, frame.id, frame.prefixes.map(toBytes)];
    case "publish":
      return [FRAME.publish, frame.seq, frame.repeat ? 1 : 0, segmentFields(frame.segments)];
    case "logBatch":
      return [
        FRAME.logBatch,
        frame.logger,
        toBytes(frame.writer),
        frame.birthMs,
        frame.number,
        frame.stream,
        frame.records,
        frame.hash,
        rangeFields(frame.range),
        frame.bytes,
      ];
    case "logResume":
      return [FRAME.logResume, frame.logger, toBytes(frame.writer), frame.birthMs];
    case "ping":
      return [FRAME.ping, frame.id];
    case "welcome":
      return [FRAME.welcome, frame.version, frame.endpoint, frame.options];
    case "subscribed":
      return [FRAME.subscribed, frame.id, frame.positions.map(positionFields), frame.gaps.map(gapFields)];
    case "deliver":
      return [FRAME.deliver, frame.router, frame.incarnation, frame.prev, frame.frames.map(sequencedFields)];
    case "published":
      return [FRAME.published, frame.router, frame.seq];
    case "logAck":
      return [FRAME.logAck, frame.logger, toBytes(frame.writer), markFields(frame.last)];
    case "logRefused":
      return [
        FRAME.logRefused,
        frame.logger,
        toBytes(frame.writer),
        frame.number,
        frame.code,
        frame.message,
        markFields(frame.last),
      ];
    case "pong":
      return [FRAME.pong, frame.id];
    case "error":
      return [FRAME.error, frame.id ?? null, frame.code, frame.message];
    case "gap":
      return [FRAME.gap, gapFields(frame.gap)];
    case "goaway":
      return [FRAME.goaway, frame.reason];
    default:
      return unreachable(frame);
  }
}

function positionFields(position: Position): unknown {
  return [position.router, position.incarnation, position.seq];
}

function gapFields(gap: Gap): unknown {
  return [gap.extent === "exact" ? 0 : 1, positionFields(gap.from), positionFields(gap.to)];
}

function rangeFields(range: LogRange | undefined): unknown {
  return range === undefined ? null : [range.source, range.from, range.to];
}

function markFields(mark: LogMark | undefined): unknown {
  return mark === undefined ? null : [mark.number, mark.hash, rangeFields(mark.range)];
}

/** Segments stand flat, four elements each: topic, encoding, count, payload. */
function segmentFields(segments: readonly Segment[]): unknown[] {
  const out: unknown[] = [];
  for (const s of segments) out.push(toBytes(s.topic), s.encoding, s.count, s.payload);
  return out;
}

function sequencedFields(frame: SequencedFrame): unknown[] {
  return [frame.seq, toBytes(frame.publisher), frame.publisherSeq, segmentFields(frame.segments)];
}

/** Decodes a frame; payloads are views into `bytes`. Throws `invalid_message`, `too_large` or `deserialization_failed`. */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > LIMITS.frameBytesMax) {
    throw new FabricError(
      "too_large",
      `frame has ${bytes.length} bytes, at most ${LIMITS.frameBytesMax} are allowed`,
    );
  }
  const a = list(decodeItem(bytes), "frame");
  switch (uint(a[0], "frame type")) {
    case FRAME.hello: {
      const versions = list(a[1], "versions");
      return {
        type: "hello",
        versions: [uint(versions[0], "versions"), uint(versions[1], "versions")],
        instance: id16(a[2], "instance"),
        connection: uint(a[3], "connection"),
        options: options(a[4]),
      };
    }
    case FRAME.subscribe:
      return {
        type: "subscribe",
        id: uint(a[1], "id"),
        prefixes: prefixes(a[2]),
        positions: list(a[3] ?? [], "positions").map(position),
        options: options(a[4]),
      };
    case FRAME.unsubscribe:
      return { type: "unsubscribe", id: uint(a[1], "id"), prefixes: prefixes(a[2]) };
    case FRAME.publish:
      return {
        type: "publish",
        seq: uint(a[1], "seq"),
        repeat: (uint(a[2], "flags") & 1) === 1,
        segments: segments(a[3]),
      };
    case FRAME.logBatch:
      return {
        type: "logBatch",
        logger: text(a[1], "logger"),
        writer: id16(a[2], "writer"),
        birthMs: uint(a[3], "birth"),
        number: uint(a[4], "number"),
        stream: text(a[5], "stream"),
        records: uint(a[6], "records"),
        hash: hash(a[7]),
        range: optional(a[8], range),
        bytes: blob(a[9], "batch"),
      };
    case FRAME.logResume:
      return {
        type: "logResume",
        logger: text(a[1], "logger"),
        writer: id16(a[2], "writer"),
        birthMs: uint(a[3], "birth"),
      };
    case FRAME.ping:
      return { type: "ping", id: uint(a[1], "id") };
    default:
      return decodeInward(a);
  }
}

/** The frames towards the peer. */
function decodeInward(a: readonly unknown[]): Frame {
  const type = uint(a[0], "frame type");
  switch (type) {
    case FRAME.welcome:
      return {
        type: "welcome",
        version: uint(a[1], "version"),
        endpoint: text(a[2], "endpoint"),
        options: options(a[3]),
      };
    case FRAME.subscribed:
      return {
        type: "subscribed",
        id: uint(a[1], "id"),
        positions: list(a[2], "positions").map(position),
        gaps: list(a[3] ?? [], "gaps").map(gap),
      };
    case FRAME.deliver:
      return {
        type: "deliver",
        router: text(a[1], "router"),
        incarnation: uint(a[2], "incarnation"),
        prev: uint(a[3], "prev"),
        frames: list(a[4], "frames").map(sequenced),
      };
    case FRAME.published:
      return { type: "published", router: text(a[1], "router"), seq: uint(a[2], "seq") };
    case FRAME.logAck:
      return { type: "logAck", logger: text(a[1], "logger"), writer: id16(a[2], "writer"), last: mark(a[3]) };
    case FRAME.logRefused:
      return {
        type: "logRefused",
        logger: text(a[1], "logger"),
        writer: id16(a[2], "writer"),
        number: uint(a[3], "number"),
        code: text(a[4], "code"),
        message: text(a[5], "message"),
        last: optional(a[6], mark),
      };
    case FRAME.pong:
      return { type: "pong", id: uint(a[1], "id") };
    case FRAME.error:
      return {
        type: "error",
        id: optional(a[1], (v) => uint(v, "id")),
        code: text(a[2], "code"),
        message: text(a[3], "message"),
      };
    case FRAME.gap:
      return { type: "gap", gap: gap(a[1]) };
    case FRAME.goaway:
      return { type: "goaway", reason: text(a[1], "reason") };
    default:
      throw new FabricError("invalid_message", `frame type ${type} is unknown`);
  }
}

function wrong(field: string, wanted: string, got: unknown): never {
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

function list(v: unknown, field: string): readonly unknown[] {
  return Array.isArray(v) ? (v as readonly unknown[]) : wrong(field, "an array", v);
}

function uint(v: unknown, field: string): number {
  const n = typeof v === "bigint" ? Number(v) : v;
  return Number.isSafeInteger(n) && (n as number) >= 0
    ? (n as number)
    : wrong(field, "an unsigned integer below 2^53", v);
}

function text(v: unknown, field: string): string {
  return typeof v === "string" ? v : wrong(field, "a text string", v);
}

function blob(v: unknown, field: string): Uint8Array {
  return v instanceof Uint8Array ? v : wrong(field, "a byte string", v);
}

function options(v: unknown): Options {
  if (v === undefined || v === null) return {};
  return typeof v === "object" && !Array.isArray(v) && !(v instanceof Uint8Array)
    ? (v as Options)
    : wrong("options", "a map", v);
}

function optional<T>(v: unknown, parse: (v: unknown) => T): T | undefined {
  return v === undefined || v === null ? undefined : parse(v);
}

function sized(v: unknown, field: string, size: number): Uint8Array {
  const bytes = blob(v, field);
  return bytes.length === size ? bytes : wrong(field, `${size} bytes`, `${bytes.length} bytes`);
}

function id16(v: unknown, field: string): string {
  return fromBytes(sized(v, field, INSTANCE_BYTES));
}

function hash(v: unknown): Uint8Array {
  return sized(v, "hash", HASH_BYTES);
}

function prefixes(v: unknown): readonly Prefix[] {
  const all = list(v, "prefixes");
  if (all.length > LIMITS.subscriptionsMax) {
    throw new FabricError(
      "too_many",
      `${all.length} prefixes in one frame, at most ${LIMITS.subscriptionsMax} are allowed`,
    );
  }
  return all.map((p) => prefixFromBytes(blob(p, "prefix")));
}

function position(v: unknown): Position {
  const a = list(v, "position");
  return { router: text(a[0], "router"), incarnation: uint(a[1], "incarnation"), seq: uint(a[2], "seq") };
}

function gap(v: unknown): Gap {
  const a = list(v, "gap");
  return {
    extent: uint(a[0], "extent") === 0 ? "exact" : "unknown",
    from: position(a[1]),
    to: position(a[2]),
  };
}

function range(v: unknown): LogRange {
  const a = list(v, "range");
  return { source: text(a[0], "source"), from: uint(a[1], "from"), to: uint(a[2], "to") };
}

function mark(v: unknown): LogMark {
  const a = list(v, "mark");
  return { number: uint(a[0], "number"), hash: blob(a[1], "hash"), range: optional(a[2], range) };
}

function segments(v: unknown): readonly Segment[] {
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
      topic: topicFromBytes(blob(flat[i], "topic")),
      encoding: encoding as Encoding,
      count: uint(flat[i + 2], "count"),
      payload: blob(flat[i + 3], "payload"),
    });
  }
  return out;
}

function sequenced(v: unknown): SequencedFrame {
  const a = list(v, "sequenced frame");
  return {
    seq: uint(a[0], "seq"),
    publisher: id16(a[1], "publisher"),
    publisherSeq: uint(a[2], "publisher seq"),
    segments: segments(a[3]),
  };
}
