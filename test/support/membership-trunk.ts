/** A node's trunk to Membership in workerd, as its session holds it. */
import { HEARTBEAT } from "../../src/membership/heartbeat.ts";
import { joinFrame } from "../../src/membership/join.ts";
import type { Liveness } from "../../src/membership/membership-state.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import type { Member } from "../../src/protocol/member-frame.ts";
import { instance } from "./router-rig.ts";

export const greeting = (n: number, connection = 1): Frame => ({
  type: "hello",
  versions: [1, 1],
  instance: instance(n),
  connection,
  options: {},
});

/** A node of a test: `node-1` in the life `node-1-a`. */
export const node = (n: number, life = "a", nodeType = "WORKER"): Member => ({
  name: `node-${n}`,
  nodeType,
  nodeId: `node-${n}-${life}`,
});

export const join = (member: Member, liveness: Liveness = "heartbeat", id = 1, since?: number): Frame =>
  joinFrame(id, member, liveness, since);

export const WATCH: Frame = { type: "watch", known: undefined };
export const BEAT = HEARTBEAT.ask;
