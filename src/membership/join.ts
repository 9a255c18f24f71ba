/** What a session says of the node that joins: the options of the join on a membership trunk. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { JoinFrame, Member } from "../protocol/member-frame.ts";
import { LIVENESS, type Joined, type Liveness } from "./membership-state.ts";

/** The join that a session sends for its peer. @param since What its first join was answered with. */
export function joinFrame(
  id: number,
  { name, nodeType, nodeId }: Member,
  liveness: Liveness,
  since?: number,
): JoinFrame {
  const again = since === undefined ? {} : { since };
  return { type: "join", id, name, nodeType, options: { nodeId, liveness, ...again } };
}

/** The `since` of a join or of its answer; undefined without one. Throws `invalid_message`. */
export function sinceOf({ since }: Readonly<Record<string, unknown>>): number | undefined {
  if (since === undefined || (Number.isSafeInteger(since) && (since as number) >= 0)) {
    return since as number | undefined;
  }
  throw new FabricError("invalid_message", "since must be an unsigned integer");
}

/** The node of a session's join. @param firstSince That of one that joins for the first time. Throws `invalid_message`. */
export function joinedOf({ id, name, nodeType, options }: JoinFrame, firstSince: number): Joined {
  const nodeId = options["nodeId"];
  if (typeof nodeId !== "string" || nodeId === "" || nodeId.length > LIMITS.nodeIdMax) {
    throw new FabricError("invalid_message", `nodeId must be a text of 1 to ${LIMITS.nodeIdMax} characters`);
  }
  const liveness = LIVENESS.find((known) => known === options["liveness"]);
  if (liveness === undefined) {
    throw new FabricError("invalid_message", `liveness must be one of ${LIVENESS.join(", ")}`);
  }
  return { name, nodeType, nodeId, liveness, joinId: id, since: sinceOf(options) ?? firstSince };
}
