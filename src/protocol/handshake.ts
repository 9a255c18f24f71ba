/** Versions: what this release speaks, and how two sides agree (rule 37). */
import { FabricError } from "../base/errors.ts";

/** The version of the native protocol and of trunks. */
const PROTOCOL_VERSION = 1;
/** The oldest version that this release still speaks. */
const PROTOCOL_VERSION_MIN = 1;
/** Both, as a hello carries them. */
export const PROTOCOL_VERSIONS: readonly [min: number, max: number] = [
  PROTOCOL_VERSION_MIN,
  PROTOCOL_VERSION,
];
/** The WebSocket subprotocol of /v1/connect. */
export const SUBPROTOCOL = "selvedge.v1.cbor";

/** The highest version that both sides speak. Throws `version_unsupported` naming both ranges. */
export function negotiateVersion(theirs: readonly [min: number, max: number]): number {
  const version = Math.min(PROTOCOL_VERSION, theirs[1]);
  if (version < PROTOCOL_VERSION_MIN || version < theirs[0]) {
    throw new FabricError(
      "version_unsupported",
      `this side speaks versions ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}, the other ${theirs[0]} to ${theirs[1]}`,
    );
  }
  return version;
}
