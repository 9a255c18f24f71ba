/** The native engine on a clock of the test's own: what it sent, what it told, and what the fabric says to it. */
import type { FabricError } from "../../../src/base/errors.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type SequencedFrame } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import type { ClientEffect } from "../../../src/sdk/client-engine.ts";
import { NativeEngine } from "../../../src/sdk/engine.ts";

export const INSTANCE = "i".repeat(16);
export const OTHER = "o".repeat(16);
export const WINDOW = 64 * 1024;
export const topic = parseTopic("zeek/x");
export const WELCOME: Frame = { type: "welcome", version: 1, endpoint: "e", options: {} };

/** An engine, and what it did since it was asked last. */
export function rig({ random = 0, windowBytes = WINDOW } = {}) {
  const options = { instance: INSTANCE, hello: { name: "n" }, windowBytes, random: () => random };
  const engine = new NativeEngine(options);
  let connection = 0;
  const effects = () => {
    const all = engine.drain();
    for (const effect of all) if (effect.type === "connect") connection = effect.connection;
    return all;
  };
  /** Frames sent, on one connection or on all. */
  const sent = (on?: number) =>
    effects().flatMap((e) =>
      e.type === "send" && (on === undefined || e.connection === on)
        ? [decodeFrame(e.message as Uint8Array)]
        : [],
    );
  /** What it told, without what it sent. */
  const told = () => effects().filter((e) => e.type !== "send");
  const say = (frame: Frame, nowMs = 0, on = connection) => engine.received(on, encodeFrame(frame), nowMs);
  const lose = (nowMs = 0, error?: FabricError) => engine.disconnected(connection, nowMs, error);
  const greet = () => {
    engine.connected(connection);
    return sent();
  };
  /** Makes the first connection, or the next one. Returns the hello. */
  const open = (nowMs = 0) => {
    if (engine.status === "waiting") engine.tick(engine.deadlineMs ?? nowMs);
    else engine.start(nowMs);
    effects();
    const hello = greet();
    say(WELCOME, nowMs);
    return hello;
  };
  return { engine, effects, sent, told, say, lose, greet, open, connection: () => connection };
}

export const deliver = (frames: readonly SequencedFrame[], router = "main"): Frame => ({
  type: "deliver",
  router,
  incarnation: 1,
  prev: 0,
  frames,
});

/** One event whose text is the publisher's number, padded to a size. */
export const sequenced = (
  seq: number,
  publisher: string,
  publisherSeq: number,
  bytes = 0,
): SequencedFrame => ({
  seq,
  publisher,
  publisherSeq,
  segments: [
    {
      topic,
      encoding: ENCODING.json,
      count: 1,
      payload: new TextEncoder().encode(`${publisherSeq}`.padEnd(bytes)),
    },
  ],
});

export const subscribed = (id: number, seq?: number): Frame => ({
  type: "subscribed",
  id,
  positions: seq === undefined ? [] : [at(seq)],
  gaps: [],
});

export const at = (seq: number, incarnation = 1) => ({ router: "main", incarnation, seq });

/** The texts of the events in deliveries. */
export const texts = (effects: readonly ClientEffect[]) =>
  effects.flatMap((e) =>
    e.type === "delivery" ? e.runs.flatMap((run) => run.events.map((event) => event.text.trim())) : [],
  );

/** The deliveries themselves. */
export const deliveries = (effects: readonly ClientEffect[]) =>
  effects.flatMap((e) => (e.type === "delivery" ? [e.delivery] : []));
