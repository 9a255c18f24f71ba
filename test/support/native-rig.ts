/** A native peer in front of its session: frames and segments as a test writes them. */
import { count } from "../../src/data/value.ts";
import { encodeFrame } from "../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type FrameOf, type Segment } from "../../src/protocol/frame.ts";
import type { NativeSession } from "../../src/protocol/native-session.ts";
import { parseTopic } from "../../src/protocol/topic.ts";
import { encodeEvents } from "../../src/protocol/transcode.ts";
import { numbered } from "./json-v1-event.ts";
import { hello } from "./router-rig.ts";
import { nativeRig, type RigOptions, type SessionRig } from "./session-rig.ts";

export type Rig = SessionRig<NativeSession>;

export const say = (rig: Rig, ...frames: Frame[]) =>
  rig.do((s, now) => {
    for (const frame of frames) s.receive(encodeFrame(frame), now);
  });
export const greet = (encodings: readonly string[] = ["json", "cbor"]): Frame =>
  ({ ...hello(7), options: { encodings } }) as Frame;
export const open = (grant: RigOptions["grant"] = {}, encodings?: readonly string[]): Rig =>
  opened({ grant }, encodings);
export const opened = (options: RigOptions, encodings?: readonly string[]): Rig => {
  const rig = say(nativeRig(options), greet(encodings));
  rig.takeFrames();
  return rig;
};
export const json = (topic: string, ...numbers: number[]): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.json,
  count: numbers.length,
  payload: Buffer.from(numbers.map((n) => numbered(topic, n)).join("\n")),
});
export const cbor = (topic: string, n: number): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.cbor,
  count: 1,
  payload: encodeEvents([{ name: "ev", args: [count(n)], metadata: [] }]),
});
export const publish = (seq: number, segments: readonly Segment[], repeat = false): FrameOf<"publish"> => ({
  type: "publish",
  seq,
  repeat,
  segments,
});
