/** Version skew: peers of the release before this one and of the one after it, whose hello offers other versions. */
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { PROTOCOL_VERSIONS } from "../../../src/protocol/handshake.ts";
import type { World } from "../kit/world.ts";

const [MIN, MAX] = PROTOCOL_VERSIONS;
const OTHERS: readonly (readonly [min: number, max: number])[] = [
  [MIN - 1, MAX],
  [MIN, MAX + 1],
];
const SKEW = 0.1;

/** A hello frame as this release says it or, as a fault, as a neighbour does. */
export function helloOfSomeRelease(world: World, hello: Uint8Array, who: string): Uint8Array {
  if (!world.fault("version skew", SKEW, who)) return hello;
  const frame = decodeFrame(hello);
  return frame.type === "hello" ? encodeFrame({ ...frame, versions: world.random.pick(OTHERS) }) : hello;
}
