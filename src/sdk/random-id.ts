/** Identities that nobody can guess. */
import { fromBytes } from "../protocol/topic.ts";

const BYTES = 16;

/** 128 random bits as a byte string. */
export function randomId(): string {
  return fromBytes(crypto.getRandomValues(new Uint8Array(BYTES)));
}
