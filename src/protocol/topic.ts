/**
 * Topics and prefixes. A topic is any string of bytes; a subscription is a byte prefix of it, without hierarchy or
 * wildcards (spec: Zeek's cluster documentation, broker/topic). Inside the fabric both are *byte strings*: JS strings
 * with one char a byte (0 to 255), so that `startsWith` is the byte comparison and a Map key costs nothing. For ASCII
 * topics the byte string is the text itself.
 */
import type { Brand } from "../base/brand.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

export type Topic = Brand<string, "Topic">;
export type Prefix = Brand<string, "Prefix">;

/** Broker's reserved marker. As a whole topic it counts as missing. */
export const RESERVED_TOPIC = "<$>";

const encoder = new TextEncoder();
const lossyDecoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const NON_ASCII = /[^\0-\x7f]/;

/** Whether a topic matches a subscription: the one matching function of the fabric. */
export function isMatch(prefix: Prefix, topic: Topic): boolean {
  return topic.startsWith(prefix);
}

/** The byte string of a text; lone surrogates become U+FFFD, as in any UTF-8 encoder. */
export function byteString(text: string): string {
  return NON_ASCII.test(text) ? fromBytes(encoder.encode(text)) : text;
}

/** The text of a byte string; bytes that are not UTF-8 become U+FFFD. */
export function textOf(bytes: string): string {
  return NON_ASCII.test(bytes) ? lossyDecoder.decode(toBytes(bytes)) : bytes;
}

/** The bytes of a byte string. */
export function toBytes(bytes: string): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes.charCodeAt(i);
  return out;
}

/** The byte string of bytes. */
export function fromBytes(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i++) out += String.fromCharCode(bytes[i]!);
  return out;
}

function checked(bytes: string, what: string): string {
  if (bytes.length > LIMITS.topicBytesMax) {
    throw new FabricError(
      "invalid_topic_key",
      `${what} has ${bytes.length} bytes, at most ${LIMITS.topicBytesMax} are allowed`,
    );
  }
  return bytes;
}

/** A topic from text. Throws `invalid_topic_key` when it is too long. */
export function parseTopic(text: string): Topic {
  return checked(byteString(text), "topic") as Topic;
}

/** A prefix from text. Throws `invalid_topic_key` when it is too long. */
export function parsePrefix(text: string): Prefix {
  return checked(byteString(text), "prefix") as Prefix;
}

/** A topic from its bytes on the wire. Throws `invalid_topic_key` when it is too long. */
export function topicFromBytes(bytes: Uint8Array): Topic {
  if (bytes.length > LIMITS.topicBytesMax) checked("x".repeat(bytes.length), "topic");
  return fromBytes(bytes) as Topic;
}

/** A prefix from its bytes on the wire. Throws `invalid_topic_key` when it is too long. */
export function prefixFromBytes(bytes: Uint8Array): Prefix {
  return topicFromBytes(bytes) as string as Prefix;
}
