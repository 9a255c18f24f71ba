/** The publisher id that events of another fabric carry here (PROTOCOL.md, N-22). */
import { createHash } from "node:crypto";
import { fromBytes, toBytes } from "../protocol/topic.ts";
import type { OriginIdOf } from "./flow.ts";

const ID_BYTES = 16;
const SEPARATOR = new Uint8Array(1);

export const originIdOf: OriginIdOf = (fabric, stream, publisher) => {
  const hash = createHash("sha256").update("fabric origin").update(fabric).update(SEPARATOR);
  hash
    .update(toBytes(stream as Parameters<typeof toBytes>[0]))
    .update(SEPARATOR)
    .update(toBytes(publisher));
  return fromBytes(hash.digest().subarray(0, ID_BYTES));
};
