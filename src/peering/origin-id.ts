/** The publisher id that events of another fabric carry here (PROTOCOL.md, N-22). */
import { createHash } from "node:crypto";
import { originPublisherId } from "../protocol/publisher-id.ts";
import { toBytes } from "../protocol/topic.ts";
import type { OriginIdOf } from "./flow.ts";

const SEPARATOR = new Uint8Array(1);

export const originIdOf: OriginIdOf = (fabric, stream, topic, publisher) => {
  const hash = createHash("sha256").update("fabric origin").update(fabric).update(SEPARATOR);
  hash.update(stream).update(SEPARATOR).update(toBytes(publisher)).update(toBytes(topic));
  return originPublisherId(hash.digest());
};
