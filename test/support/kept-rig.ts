/** Routers that keep what is under "k/", and readers that come back to them. */
import { LIMITS } from "../../src/base/limits.ts";
import type { Options, Position } from "../../src/protocol/frame.ts";
import { parsePrefix } from "../../src/protocol/topic.ts";
import type { RetentionPolicy } from "../../src/routing/kept.ts";
import { hello, publish, RouterRig, segment, subscribe } from "./router-rig.ts";

export const policy = (prefix: string, more: Partial<RetentionPolicy> = {}): RetentionPolicy => ({
  prefix: parsePrefix(prefix),
  seconds: 60,
  bytes: 1e9,
  events: 1e9,
  ...more,
});
export const RESUME = { resume: true };
export const kept = (incarnation: number, seq: number, stream = "main+k/"): Position => ({
  router: stream,
  incarnation,
  seq,
});
export const rigOf = (...policies: RetentionPolicy[]) =>
  new RouterRig(policies.length > 0 ? policies : [policy("k/")]);
export const rows = (rig: RouterRig) => [...rig.store.kept.values()];
/** Past the interval in which kept publishes are committed together. */
export const settle = (rig: RouterRig) => rig.turn().pass(LIMITS.keepIntervalMs);
export const say = (rig: RouterRig, seq: number, topic: string, text: string, publisher = "p") =>
  settle(rig.receive(publisher, publish(seq, segment(topic, text))));

/** A reader that comes back at a place; its answers are left for the test. */
export function back(
  rig: RouterRig,
  trunk: string,
  at: readonly Position[],
  prefixes = ["k/"],
  options: Options = {},
) {
  const connection = back.connections++;
  return rig.receive(trunk, hello(1, connection, "t", RESUME), subscribe(prefixes, 1, at, options)).turn();
}
back.connections = 10;
