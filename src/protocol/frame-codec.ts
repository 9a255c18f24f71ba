/**
 * The bytes of frames: one CBOR array each, the type number first. A decoder ignores elements behind those it knows
 * and keys of maps that it does not know. Every error is `invalid_message` or `too_large` and names the field.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeItem, encodeItem } from "../data/cbor.ts";
import {
  FRAME,
  GAP_REASONS,
  PUBLISH_FLAGS,
  REPLAY_FLAGS,
  type Frame,
  type FrameOf,
  type Gap,
  type LogMark,
  type LogRange,
  type Origin,
  type Position,
  type Segment,
  type SequencedFrame,
} from "./frame.ts";
import {
  blob,
  gap,
  hash,
  id16,
  list,
  mark,
  optional,
  options,
  position,
  positions,
  prefixes,
  publishFlagged,
  range,
  segments,
  sequenced,
  text,
  replayed,
  uint,
} from "./frame-fields.ts";
import { decodeMember, memberFields } from "./member-codec.ts";
import { decodePool, poolFields } from "./pool-codec.ts";
import { toBytes } from "./topic.ts";

/** The frames towards the fabric. */
type OutwardType =
  "hello" | "subscribe" | "unsubscribe" | "publish" | "logBatch" | "logResume" | "ping" | "credit";

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
      return [
        FRAME.publish,
        frame.seq,
        publishFlags(frame),
        segmentFields(frame.segments),
        ...publishTail(frame),
      ];
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
    case "credit":
      return [FRAME.credit, positionFields(frame.position), frame.window];
    default:
      return inwardFields(frame);
  }
}

/** The frames towards the peer. */
function inwardFields(frame: Exclude<Frame, { type: OutwardType }>): unknown[] {
  switch (frame.type) {
    case "welcome":
      return [FRAME.welcome, frame.version, frame.endpoint, frame.options];
    case "subscribed":
      return [FRAME.subscribed, frame.id, frame.positions.map(positionFields), frame.gaps.map(gapFields)];
    case "deliver":
      return [
        FRAME.deliver,
        frame.router,
        frame.incarnation,
        frame.prev,
        frame.frames.map(sequencedFields),
        ...(frame.replay === undefined ? [] : [REPLAY_FLAGS[frame.replay]]),
      ];
    case "published":
      return [
        FRAME.published,
        frame.router,
        frame.seq,
        ...(frame.receivers === undefined ? [] : [frame.receivers]),
      ];
    case "publishRefused":
      return [FRAME.publishRefused, frame.seq, frame.code, frame.message];
    case "recovered":
      return [FRAME.recovered, positionFields(frame.position), frame.complete];
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
    case "join":
    case "watch":
    case "joined":
    case "view":
      return memberFields(frame);
    case "publishPool":
    case "poolEvents":
    case "handled":
    case "unhandled":
      return poolFields(frame);
    default:
      return unreachable(frame);
  }
}

function positionFields(position: Position): unknown {
  return [position.router, position.incarnation, position.seq];
}

function gapFields(gap: Gap): unknown {
  const { extent, from, to, events, reason } = gap;
  const place = reason === undefined ? null : GAP_REASONS.indexOf(reason);
  return [extent === "exact" ? 0 : 1, positionFields(from), positionFields(to), events ?? null, place];
}

function rangeFields(range: LogRange | undefined): unknown {
  return range === undefined ? null : [range.source, range.from, range.to];
}

function markFields(mark: LogMark | undefined): unknown {
  return mark === undefined ? null : [mark.number, mark.hash, rangeFields(mark.range)];
}

function publishFlags({ repeat, receipt, origin, first }: FrameOf<"publish">): number {
  return (
    (repeat ? PUBLISH_FLAGS.repeat : 0) |
    (receipt === true ? PUBLISH_FLAGS.receipt : 0) |
    (origin === undefined ? 0 : PUBLISH_FLAGS.origin) |
    (first === undefined ? 0 : PUBLISH_FLAGS.joined)
  );
}

function publishTail({ origin, first }: FrameOf<"publish">): unknown[] {
  const fields = origin === undefined ? null : originFields(origin);
  if (first !== undefined) return [fields, first];
  return fields === null ? [] : [fields];
}

function originFields({ publisher, seq, path }: Origin): unknown[] {
  return [toBytes(publisher), seq, path];
}

/** Segments stand flat, four elements each: topic, encoding, count, payload. */
function segmentFields(segments: readonly Segment[]): unknown[] {
  const out: unknown[] = [];
  for (const s of segments) out.push(toBytes(s.topic), s.encoding, s.count, s.payload);
  return out;
}

function sequencedFields(frame: SequencedFrame): unknown[] {
  const { seq, publisher, publisherSeq, segments, path } = frame;
  const fields = [seq, toBytes(publisher), publisherSeq, segmentFields(segments)];
  return path === undefined ? fields : [...fields, path];
}

/** Frames as a router keeps them: what `decodeSequenced` reads. */
export function encodeSequenced(frames: readonly SequencedFrame[]): Uint8Array {
  return encodeItem(frames.map(sequencedFields));
}

/** Payloads are views into `bytes`. Throws as `decodeFrame` does. */
export function decodeSequenced(bytes: Uint8Array): readonly SequencedFrame[] {
  return list(decodeItem(bytes), "frames").map(sequenced);
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
        positions: positions(a[3] ?? []),
        options: options(a[4]),
      };
    case FRAME.unsubscribe:
      return { type: "unsubscribe", id: uint(a[1], "id"), prefixes: prefixes(a[2]) };
    case FRAME.publish:
      return {
        type: "publish",
        seq: uint(a[1], "seq"),
        ...publishFlagged(a[2], a[4], a[5]),
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
    case FRAME.credit:
      return { type: "credit", position: position(a[1]), window: uint(a[2], "window") };
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
        positions: positions(a[2]),
        gaps: list(a[3] ?? [], "gaps").map(gap),
      };
    case FRAME.deliver:
      return deliver(a);
    case FRAME.published:
      return {
        type: "published",
        router: text(a[1], "router"),
        seq: uint(a[2], "seq"),
        ...(a[3] === undefined ? {} : { receivers: uint(a[3], "receivers") }),
      };
    case FRAME.publishRefused:
      return {
        type: "publishRefused",
        seq: uint(a[1], "seq"),
        code: text(a[2], "code"),
        message: text(a[3], "message"),
      };
    case FRAME.recovered:
      return { type: "recovered", position: position(a[1]), complete: a[2] === true };
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
    default: {
      const other = decodeMember(type, a) ?? decodePool(type, a);
      if (other !== undefined) return other;
      throw new FabricError("invalid_message", `frame type ${type} is unknown`);
    }
  }
}

function deliver(a: readonly unknown[]): Frame {
  return {
    type: "deliver",
    router: text(a[1], "router"),
    incarnation: uint(a[2], "incarnation"),
    prev: uint(a[3], "prev"),
    frames: list(a[4], "frames").map(sequenced),
    ...replayed(a[5]),
  };
}
