/**
 * The messages of JSON v1 as text: `data-message` in both directions, the subscription frame, `ack` and `error`
 * (spec/websocket-json.md §2 and §6). The scanner is the fabric's hot path: a message that is canonical already is
 * recognised in one pass and passed on as it is; any other is parsed and formatted once.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { scanElements, scanString, scanValue } from "../data/canonical.ts";
import { formatJsonString, formatValue, valueOf } from "../data/json.ts";
import { JsonObject, parseJson, type JsonNode } from "../data/json-text.ts";
import { eventFromValue, eventToValue, type FabricEvent } from "./event.ts";
import { byteString, RESERVED_TOPIC } from "./topic.ts";

/** The contexts of error frames, word for word (§1.2, §1.3, §2.4, §6.2). */
export const CONTEXT = {
  invalidUri: "Invalid URI - use /v1/messages/json",
  invalidApplicationName: "Invalid X-Application-Name",
  subscriptionsNotArray: "subscriptions not an array",
  subscriptionNotString: "individual subscription not a string",
  notJson: "failed to decode JSON object",
  noTopic: "no topic in top-level JSON object",
  notEvent: "failed to create Zeek event",
} as const;

/** The frame that refuses something. `code` is Broker's name of the error. */
export function errorText(code: string, context: string): string {
  return `{"type":"error","code":${formatJsonString(code)},"context":${formatJsonString(context)}}`;
}

/** The frame that tells a client that all its subscriptions are live. */
export function ackText(endpoint: string, version: string): string {
  return `{"type":"ack","endpoint":${formatJsonString(endpoint)},"version":${formatJsonString(version)}}`;
}

export type Subscriptions =
  | { readonly ok: true; readonly prefixes: readonly string[] }
  | { readonly ok: false; readonly context: string };

/** Reads a client's first frame: the prefixes as text, each once, in the order given, or the context of the error. */
export function parseSubscriptions(text: string): Subscriptions {
  const node = tryParse(text);
  if (!Array.isArray(node)) return { ok: false, context: CONTEXT.subscriptionsNotArray };
  const prefixes = new Set<string>();
  for (const prefix of node) {
    if (typeof prefix !== "string") return { ok: false, context: CONTEXT.subscriptionNotString };
    prefixes.add(prefix);
  }
  return { ok: true, prefixes: [...prefixes] };
}

function tryParse(text: string): JsonNode | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

/** The canonical text of an event under a topic (as text). Throws as `formatValue` does. */
export function formatDataMessage(topic: string, event: FabricEvent): string {
  // The value's own two keys become keys of the message.
  const value = formatValue(eventToValue(event)).slice(1);
  return `{"type":"data-message","topic":${formatJsonString(topic)},${value}`;
}

/** Topic (as text) and event of a data message. Throws `deserialization_failed` with the context as its message. */
export function parseDataMessage(text: string): { readonly topic: string; readonly event: FabricEvent } {
  const result = decode(text);
  if (typeof result === "string") throw new FabricError("deserialization_failed", REFUSAL_CONTEXT[result]);
  return result;
}

type Refusal = "not_json" | "no_topic" | "not_event";
/**
 * `not_json`, `no_topic`, `not_event`: checks 1 to 3 of §6.2. `bad_topic`: longer than `LIMITS.topicBytesMax`.
 * `too_large`: the canonical text is longer than `LIMITS.eventBytesMax`.
 */
export type ScanResult = "ok" | Refusal | "bad_topic" | "too_large";

const REFUSAL_CONTEXT: Readonly<Record<Refusal, string>> = {
  not_json: CONTEXT.notJson,
  no_topic: CONTEXT.noTopic,
  not_event: CONTEXT.notEvent,
};

function decode(text: string): Refusal | { readonly topic: string; readonly event: FabricEvent } {
  const node = tryParse(text);
  if (!(node instanceof JsonObject)) return "not_json";
  let value;
  try {
    value = valueOf(node);
  } catch (error) {
    if (error instanceof FabricError) return "not_json";
    throw error;
  }
  const topic = node.topic;
  if (typeof topic !== "string" || topic === RESERVED_TOPIC) return "no_topic";
  const event = eventFromValue(value);
  return event === undefined ? "not_event" : { topic, event };
}

const TOPIC = '{"type":"data-message","topic":"';
const EVENT =
  ',"@data-type":"vector","data":[{"@data-type":"count","data":1},{"@data-type":"count","data":1},' +
  '{"@data-type":"vector","data":[{"@data-type":"string","data":"';
const ARGS = '},{"@data-type":"vector","data":[';
const METADATA = ',{"@data-type":"vector","data":[';
const ENTRY = '{"@data-type":"vector","data":[{"@data-type":"count","data":';
const TIMESTAMP_ENTRY = `${ENTRY}1},{"@data-type":"timestamp",`;
const NETWORK_ENTRY = `${ENTRY}1},`;
const END = "]}]}";
/** What some clients always send (§7.3): otherwise their texts are canonical. */
const EMPTY_METADATA = `${METADATA}]}${END}`;
/** Containers that are open around an argument: message, list, body, its list, arguments, their list. */
const ARGS_DEPTH = 6;
const TOPICS_MAX = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/**
 * Checks client messages one after the other. Keep one a connection: what it remembers of the last message makes the
 * next one cheaper. After "ok", `topic` is the topic as text (the same string object while it repeats) and `canonical`
 * the canonical text: the very input when that was canonical. It holds no raw LF.
 */
export class DataMessageScanner {
  topic = "";
  canonical = "";
  /** The canonical text up to the name of the event, with this topic; empty until one was seen. */
  #header = "";
  #headerTopic = "";
  readonly #topics = new Map<string, string>();

  /** Checks one message. Cost: linear in its length. */
  scan(text: string): ScanResult {
    if (this.#scanCanonical(text)) return "ok";
    if (text.endsWith(EMPTY_METADATA)) {
      const end = text.length - EMPTY_METADATA.length;
      if (this.#scanCanonical(text.slice(0, end) + END)) return "ok";
    }
    return this.#decode(text);
  }

  #scanCanonical(text: string): boolean {
    const name =
      this.#header !== "" && text.startsWith(this.#header) ? this.#header.length : this.#readHeader(text);
    if (name < 0 || scanBody(text, name) !== text.length) return false;
    this.topic = this.#headerTopic;
    this.canonical = text;
    return true;
  }

  /** Where the event's name begins, or -1. Topics with escapes or near the bound are left to the slow path. */
  #readHeader(text: string): number {
    if (!text.startsWith(TOPIC)) return -1;
    const quote = scanString(text, TOPIC.length) - 1;
    if (quote < 0 || !text.startsWith(EVENT, quote + 1)) return -1;
    const topic = text.slice(TOPIC.length, quote);
    if (topic.length > LIMITS.topicBytesMax / 3 || topic.includes("\\") || topic === RESERVED_TOPIC)
      return -1;
    const known = this.#topics.get(topic);
    this.#headerTopic = known ?? this.#remember(topic);
    this.#header = `${TOPIC}${this.#headerTopic}"${EVENT}`;
    return this.#header.length;
  }

  /** A copy of its own: a slice would keep the whole message alive for as long as anybody holds the topic. */
  #remember(slice: string): string {
    const topic = decoder.decode(encoder.encode(slice));
    if (this.#topics.size >= TOPICS_MAX) this.#topics.clear();
    this.#topics.set(topic, topic);
    return topic;
  }

  #decode(text: string): ScanResult {
    const result = decode(text);
    if (typeof result === "string") return result;
    if (byteString(result.topic).length > LIMITS.topicBytesMax) return "bad_topic";
    try {
      this.canonical = formatDataMessage(result.topic, result.event);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return error.code === "too_large" ? "too_large" : "not_json";
    }
    this.topic = this.#topics.get(result.topic) ?? this.#remember(result.topic);
    return "ok";
  }
}

/** From the event's name to behind the message, or -1. */
function scanBody(text: string, name: number): number {
  let at = scanString(text, name);
  if (at < 0 || !text.startsWith(ARGS, at)) return -1;
  at = scanElements(text, at + ARGS.length, ARGS_DEPTH, false);
  if (at < 0 || text.charCodeAt(at) !== 0x7d) return -1;
  at++;
  if (text.startsWith(METADATA, at)) {
    at = scanMetadata(text, at + METADATA.length);
    if (at < 0) return -1;
  }
  return text.startsWith(END, at) ? at + END.length : -1;
}

/** One entry at least: an empty list has no canonical form. */
function scanMetadata(text: string, at: number): number {
  for (let from = at; ;) {
    if (!text.startsWith(ENTRY, from)) return -1;
    if (text.startsWith(NETWORK_ENTRY, from) && !text.startsWith(TIMESTAMP_ENTRY, from)) return -1;
    const value = text.indexOf(",", from + ENTRY.length) + 1;
    const end = scanValue(text, from, ARGS_DEPTH);
    if (end < 0 || scanValue(text, value, ARGS_DEPTH + 2) !== end - 2) return -1;
    const next = text.charCodeAt(end);
    if (next === 0x5d) return text.charCodeAt(end + 1) === 0x7d ? end + 2 : -1;
    if (next !== 0x2c) return -1;
    from = end + 1;
  }
}
