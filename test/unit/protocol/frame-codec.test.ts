/** Frames and their bytes: every type there and back, every wrong field named, any bytes survived. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeItem, encodeItem } from "../../../src/data/cbor.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { FRAME, segmentsBytes, type Frame, type FrameType } from "../../../src/protocol/frame.ts";
import { fromBytes, type Prefix, type Topic } from "../../../src/protocol/topic.ts";

const uint = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 }), fc.maxSafeNat());
const text = fc.string({ unit: "binary", maxLength: 12 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((all) => Uint8Array.from(all));
const topic = bytes(20).map((all) => fromBytes(all) as Topic);
const prefixes = fc.array(topic, { maxLength: 4 }).map((all) => all as string[] as Prefix[]);
const id16 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(fromBytes);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((all) => Uint8Array.from(all));
const optionsOf = fc.dictionary(
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 6 }),
  fc.oneof(fc.nat(), text, fc.boolean()),
);
const position = fc.record({ router: text, incarnation: uint, seq: uint });
const gap = fc.record({
  extent: fc.constantFrom("exact" as const, "unknown" as const),
  from: position,
  to: position,
});
const segment = fc.record({
  topic,
  encoding: fc.constantFrom(1 as const, 2 as const),
  count: uint,
  payload: bytes(40),
});
const segments = fc.array(segment, { maxLength: 4 });
const sequenced = fc.record({ seq: uint, publisher: id16, publisherSeq: uint, segments });
const range = fc.option(fc.record({ source: text, from: uint, to: uint }), { nil: undefined });
const mark = fc.record({ number: uint, hash: bytes(32), range });
const type = <T extends FrameType>(name: T) => fc.constant(name);

const viewId = fc.record({ life: text, number: uint });
const departure = fc.record({ name: text, nodeId: text });

const FRAMES: { readonly [T in FrameType]: fc.Arbitrary<Extract<Frame, { type: T }>> } = {
  hello: fc.record({
    type: type("hello"),
    versions: fc.tuple(uint, uint),
    instance: id16,
    connection: uint,
    options: optionsOf,
  }),
  subscribe: fc.record({
    type: type("subscribe"),
    id: uint,
    prefixes,
    positions: fc.array(position, { maxLength: 3 }),
    options: optionsOf,
  }),
  unsubscribe: fc.record({ type: type("unsubscribe"), id: uint, prefixes }),
  publish: fc.record({ type: type("publish"), seq: uint, repeat: fc.boolean(), segments }),
  logBatch: fc.record({
    type: type("logBatch"),
    logger: text,
    writer: id16,
    birthMs: uint,
    number: uint,
    stream: text,
    records: uint,
    hash,
    range,
    bytes: bytes(40),
  }),
  logResume: fc.record({ type: type("logResume"), logger: text, writer: id16, birthMs: uint }),
  ping: fc.record({ type: type("ping"), id: uint }),
  credit: fc.record({ type: type("credit"), position, window: uint }),
  welcome: fc.record({ type: type("welcome"), version: uint, endpoint: text, options: optionsOf }),
  subscribed: fc.record({
    type: type("subscribed"),
    id: uint,
    positions: fc.array(position, { maxLength: 3 }),
    gaps: fc.array(gap, { maxLength: 3 }),
  }),
  deliver: fc.record({
    type: type("deliver"),
    router: text,
    incarnation: uint,
    prev: uint,
    frames: fc.array(sequenced, { maxLength: 3 }),
    replay: fc.constantFrom("resumed" as const, "history" as const),
  }),
  published: fc.record({ type: type("published"), router: text, seq: uint, receivers: uint }),
  publishRefused: fc.record({ type: type("publishRefused"), seq: uint, code: text, message: text }),
  recovered: fc.record({ type: type("recovered"), position, complete: fc.boolean() }),
  logAck: fc.record({ type: type("logAck"), logger: text, writer: id16, last: mark }),
  logRefused: fc.record({
    type: type("logRefused"),
    logger: text,
    writer: id16,
    number: uint,
    code: text,
    message: text,
    last: fc.option(mark, { nil: undefined }),
  }),
  pong: fc.record({ type: type("pong"), id: uint }),
  error: fc.record({
    type: type("error"),
    id: fc.option(uint, { nil: undefined }),
    code: text,
    message: text,
  }),
  gap: fc.record({ type: type("gap"), gap }),
  goaway: fc.record({ type: type("goaway"), reason: text }),
  join: fc.record({ type: type("join"), id: uint, name: text, nodeType: text, options: optionsOf }),
  watch: fc.record({ type: type("watch"), known: fc.option(viewId, { nil: undefined }) }),
  joined: fc.record({ type: type("joined"), id: uint, nodeId: text, options: optionsOf }),
  view: fc.record({
    type: type("view"),
    id: viewId,
    base: fc.option(uint, { nil: undefined }),
    up: fc.array(fc.record({ name: text, nodeType: text, nodeId: text }), { maxLength: 3 }),
    down: fc.array(departure, { maxLength: 3 }),
  }),
  publishPool: fc
    .record({
      type: type("publishPool"),
      id: uint,
      repeat: fc.boolean(),
      pool: text,
      count: uint,
      payload: bytes(20),
    })
    .chain((rest) =>
      fc.oneof(
        bytes(8).map((key) => ({ ...rest, choice: "hrw" as const, key })),
        text.map((key) => ({ ...rest, choice: "rr" as const, key })),
        text.map((key) => ({ ...rest, choice: "node" as const, key })),
      ),
    ),
  poolEvents: fc.record({
    type: type("poolEvents"),
    repeat: fc.boolean(),
    view: fc.record({ life: text, number: uint, pools: uint }),
    events: fc.array(fc.record({ id: uint, topic, count: uint, payload: bytes(20) }), { maxLength: 3 }),
  }),
  handled: fc.record({
    type: type("handled"),
    done: fc.array(fc.record({ id: uint, by: text }), { maxLength: 3 }),
  }),
  unhandled: fc.record({ type: type("unhandled"), id: uint, code: text, message: text }),
};
const types = Object.keys(FRAMES) as FrameType[];
const frame: fc.Arbitrary<Frame> = fc.oneof(...Object.values(FRAMES));

/** Byte strings as plain Uint8Arrays, which is how they were given. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}

/** Changes the array that a frame is on the wire. */
function edited(of: Frame, edit: (item: unknown[]) => void): Uint8Array {
  const item = decodeItem(encodeFrame(of)) as unknown[];
  edit(item);
  return encodeItem(item);
}

const sample = <T extends FrameType>(name: T): Frame => fc.sample(FRAMES[name], { seed: 1, numRuns: 1 })[0]!;

describe("round trip", () => {
  test.each(types)("%s", (name) => {
    fc.assert(
      fc.property(FRAMES[name] as fc.Arbitrary<Frame>, (f) => {
        expect(plain(decodeFrame(encodeFrame(f)))).toEqual(plain(f));
      }),
    );
  });

  test("covers every type number", () => {
    expect(types.toSorted()).toEqual(Object.keys(FRAME).toSorted());
    expect(new Set(Object.values(FRAME)).size).toBe(types.length);
  });
});

describe("R37 what a later release may add is ignored", () => {
  test.each(types)("elements behind those of %s", (name) => {
    const f = sample(name);
    const more = edited(f, (item) => item.push("later", { key: 1 }, [2]));
    expect(plain(decodeFrame(more))).toEqual(plain(f));
  });

  test("elements behind those of inner arrays", () => {
    const f = FRAMES.deliver.filter((d) => d.frames.length > 0);
    const [deliver] = fc.sample(f, { seed: 2, numRuns: 1 });
    const frames = deliver!.frames.map((frame) => ({ ...frame, path: ["far"] }));
    const more = edited({ ...deliver!, frames }, (item) => (item[4] as unknown[][])[0]!.push("later"));
    expect(plain(decodeFrame(more))).toEqual(plain({ ...deliver, frames }));
  });

  test("keys of options", () => {
    const hello = { ...sample("hello"), options: { known: 1, later: { deep: [true] } } } as Frame;
    expect(decodeFrame(encodeFrame(hello))).toMatchObject({ options: { later: { deep: [true] } } });
  });

  test("elements that were added later may be missing", () => {
    expect(decodeFrame(encodeItem([FRAME.subscribe, 1, []]))).toMatchObject({ positions: [], options: {} });
    expect(decodeFrame(encodeItem([FRAME.subscribed, 1, []]))).toMatchObject({ gaps: [] });
    expect(decodeFrame(encodeItem([FRAME.welcome, 1, "e"]))).toMatchObject({ options: {} });
  });
});

describe("a wrong field is named", () => {
  const refused = (bad: Uint8Array, message: RegExp) =>
    expect(() => decodeFrame(bad)).toThrow(
      expect.objectContaining({ code: "invalid_message", message: expect.stringMatching(message) }) as Error,
    );

  test.each<[FrameType, number, unknown, RegExp]>([
    ["hello", 1, 1, /^versions must be an array, got number/],
    ["hello", 1, [1], /^versions must be an unsigned integer/],
    ["hello", 2, new Uint8Array(15), /^instance must be 16 bytes/],
    ["hello", 3, -1, /^connection must be an unsigned integer/],
    ["hello", 4, [], /^options must be a map, got an array/],
    ["subscribe", 1, 1.5, /^id must be an unsigned integer/],
    ["subscribe", 2, null, /^prefixes must be an array, got null/],
    ["subscribe", 2, ["text"], /^prefix must be a byte string/],
    ["subscribe", 3, 7, /^positions must be an array/],
    ["subscribe", 3, [[1, 2, 3]], /^router must be a text string/],
    ["subscribe", 3, [["r", "x", 3]], /^incarnation must be/],
    ["unsubscribe", 2, {}, /^prefixes must be an array/],
    ["publish", 1, 2 ** 60, /^seq must be an unsigned integer below 2\^53/],
    ["publish", 2, "yes", /^flags must be/],
    ["publish", 3, [new Uint8Array()], /^segments must be an array of four elements/],
    ["publish", 3, ["t", 1, 1, new Uint8Array()], /^topic must be a byte string, got string/],
    ["publish", 3, [new Uint8Array(), 3, 1, new Uint8Array()], /^encoding must be 1 \(JSON v1\) or 2/],
    ["publish", 3, [new Uint8Array(), 1, "1", new Uint8Array()], /^count must be/],
    ["publish", 3, [new Uint8Array(), 1, 1, "p"], /^payload must be a byte string/],
    ["logBatch", 1, 1, /^logger must be a text string/],
    ["logBatch", 2, "w", /^writer must be a byte string/],
    ["logBatch", 3, null, /^birth must be/],
    ["logBatch", 4, [], /^number must be/],
    ["logBatch", 5, 5, /^stream must be a text string/],
    ["logBatch", 6, -5, /^records must be/],
    ["logBatch", 7, new Uint8Array(31), /^hash must be 32 bytes/],
    ["logBatch", 8, "range", /^range must be an array/],
    ["logBatch", 9, [1], /^batch must be a byte string/],
    ["logResume", 3, "x", /^birth must be/],
    ["ping", 1, undefined, /^id must be/],
    ["welcome", 2, 1, /^endpoint must be a text string/],
    ["subscribed", 2, 1, /^positions must be an array/],
    ["subscribed", 3, [1], /^gap must be an array/],
    ["subscribed", 3, [["x", 1, 2]], /^extent must be/],
    ["deliver", 1, 1, /^router must be/],
    ["deliver", 2, "x", /^incarnation must be/],
    ["deliver", 3, "x", /^prev must be/],
    ["deliver", 4, {}, /^frames must be an array/],
    ["deliver", 4, [1], /^sequenced frame must be an array/],
    ["deliver", 4, [[1, new Uint8Array(3)]], /^publisher must be 16 bytes/],
    ["published", 2, "x", /^seq must be/],
    ["logAck", 3, 5, /^mark must be an array/],
    ["logRefused", 4, 5, /^code must be a text string/],
    ["error", 1, "x", /^id must be/],
    ["error", 3, 5, /^message must be a text string/],
    ["gap", 1, null, /^gap must be an array, got null/],
    ["goaway", 1, 5, /^reason must be a text string/],
  ])("%s, element %i", (name, at, value, message) => {
    refused(
      edited(sample(name), (item) => {
        if (value === undefined) item.length = at;
        else item[at] = value;
      }),
      message,
    );
  });

  test("the frame and its type", () => {
    refused(encodeItem("frame"), /^frame must be an array, got string/);
    refused(encodeItem([]), /^frame type must be/);
    refused(encodeItem(["publish"]), /^frame type must be/);
    refused(encodeItem([99]), /^frame type 99 is unknown/);
  });
});

describe("bounds", () => {
  const code = (bad: Uint8Array) => {
    try {
      decodeFrame(bad);
      return undefined;
    } catch (error) {
      return (error as FabricError).code;
    }
  };

  test("a frame", () => {
    const frameOf = (size: number) => {
      const out = new Uint8Array(size).fill(0xf6);
      return out;
    };
    expect(code(frameOf(LIMITS.frameBytesMax))).not.toBe("too_large");
    expect(code(frameOf(LIMITS.frameBytesMax + 1))).toBe("too_large");
  });

  test("segments of one frame", () => {
    const flat = (count: number) =>
      encodeItem([
        FRAME.publish,
        1,
        0,
        Array.from({ length: count }, () => [new Uint8Array(), 2, 0, new Uint8Array()]).flat(),
      ]);
    expect(code(flat(LIMITS.segmentsMax))).toBeUndefined();
    expect(code(flat(LIMITS.segmentsMax + 1))).toBe("too_many");
  });

  test("prefixes of one frame", () => {
    const all = (count: number) =>
      encodeItem([FRAME.unsubscribe, 1, Array.from({ length: count }, () => new Uint8Array())]);
    expect(code(all(LIMITS.subscriptionsMax))).toBeUndefined();
    expect(code(all(LIMITS.subscriptionsMax + 1))).toBe("too_many");
  });

  test("positions of one frame", () => {
    const all = (count: number) =>
      encodeItem([FRAME.subscribe, 1, [], Array.from({ length: count }, () => ["main", 1, 1])]);
    expect(code(all(LIMITS.positionsMax))).toBeUndefined();
    expect(code(all(LIMITS.positionsMax + 1))).toBe("too_many");
  });

  test("topics and prefixes", () => {
    const publish = (size: number) =>
      encodeItem([FRAME.publish, 1, 0, [new Uint8Array(size), 2, 0, new Uint8Array()]]);
    expect(code(publish(LIMITS.topicBytesMax))).toBeUndefined();
    expect(code(publish(LIMITS.topicBytesMax + 1))).toBe("invalid_topic_key");
    const subscribe = (size: number) => encodeItem([FRAME.subscribe, 1, [new Uint8Array(size)]]);
    expect(code(subscribe(LIMITS.topicBytesMax))).toBeUndefined();
    expect(code(subscribe(LIMITS.topicBytesMax + 1))).toBe("invalid_topic_key");
  });
});

describe("any bytes", () => {
  const survive = (all: Uint8Array) => {
    try {
      decodeFrame(all);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
    }
  };

  test("are a frame or a FabricError", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survive), { numRuns: 2_000 });
  });

  test("also those near a frame", () => {
    fc.assert(
      fc.property(
        frame,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (f, flips, cut) => {
          const all = Uint8Array.from(encodeFrame(f));
          for (const [at, to] of flips) all[at % all.length] = to;
          survive(all);
          survive(all.subarray(0, cut % (all.length + 1)));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("also any item in the place of a field", () => {
    const item = fc.oneof(fc.anything({ withBigInt: true, maxDepth: 2 }).filter(isPlain), fc.uint8Array());
    fc.assert(
      fc.property(frame, fc.nat(), item, (f, at, value) => {
        survive(edited(f, (all) => (all[at % all.length] = value)));
      }),
      { numRuns: 1_000 },
    );
  });
});

function isPlain(value: unknown): boolean {
  try {
    return encodeItem(value).length > 0;
  } catch {
    return false;
  }
}

test("segmentsBytes is at least what segments take on the wire", () => {
  fc.assert(
    fc.property(segments, (all) => {
      const empty = encodeFrame({ type: "publish", seq: 1, repeat: false, segments: [] }).length;
      const full = encodeFrame({ type: "publish", seq: 1, repeat: false, segments: all }).length;
      expect(segmentsBytes(all)).toBeGreaterThanOrEqual(full - empty);
    }),
  );
});
