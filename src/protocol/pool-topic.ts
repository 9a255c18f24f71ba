/**
 * How clients of Zeek's WebSocket API publish to one node of a pool: by topic. `selvedge/pool/POOL/hrw` goes to the node
 * that has the event's first argument as its key, `selvedge/pool/POOL/rr` and `selvedge/pool/POOL/rr/KEY` to the node
 * whose turn it is.
 */
import { FabricError } from "../base/errors.ts";
import { CborWriter } from "../data/cbor-writer.ts";
import { writeValue } from "../data/cbor-value.ts";
import { parseDataMessage } from "./data-message.ts";
import type { PoolKey, PublishPoolFrame } from "./pool-frame.ts";
import { encodeEvents } from "./transcode.ts";

const TOPIC = /^selvedge\/pool\/([^/]+)\/(?:(hrw)|rr(?:\/(.*))?)$/s;

/** Where a topic goes: the key of `hrw` comes with the event. */
export interface PoolTopic {
  readonly pool: string;
  /** Undefined for `hrw`. */
  readonly rotation: string | undefined;
}

/** Undefined for every other topic. */
export function parsePoolTopic(topic: string): PoolTopic | undefined {
  const match = TOPIC.exec(topic);
  if (match === null) return undefined;
  const [, pool, hrw, key = ""] = match;
  return { pool: pool!, rotation: hrw === undefined ? key : undefined };
}

/** The frame for one canonical message. Throws `invalid_data` for an event without the argument that is its key. */
export function poolFrameOf({ pool, rotation }: PoolTopic, id: number, text: string): PublishPoolFrame {
  const { event } = parseDataMessage(text);
  const payload = encodeEvents([event]);
  return {
    type: "publishPool",
    id,
    repeat: false,
    pool,
    ...keyOf(rotation, event.args[0]),
    count: 1,
    payload,
  };
}

function keyOf(rotation: string | undefined, first: Parameters<typeof writeValue>[1] | undefined): PoolKey {
  if (rotation !== undefined) return { choice: "rr", key: rotation };
  if (first === undefined) {
    throw new FabricError(
      "invalid_data",
      "the first argument of an event for the node with its key is the key",
    );
  }
  const writer = new CborWriter();
  writeValue(writer, first);
  return { choice: "hrw", key: writer.finish() };
}
