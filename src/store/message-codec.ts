/**
 * Messages of clients and masters as CBOR, but for `open` and `error`, which are the hello and error frames of every
 * trunk:
 *
 *     [0 commands, first, number, age (ms) or null, command…]      [16 master, epoch, seq]
 *     [1 query, id, query]                                         [17 results, durable, [number, code or null, inserted or null, seq]…]
 *     [2 attach, stream, [epoch, seq] or null, granted bytes]      [18 expected, number]
 *     [3 credit, stream, granted bytes]                            [19 answer, id, answer…]
 *     [4 detach]                                                   [20 stream, stream, index, message…]
 *
 *     answer   0, code | 1, value | 2, exists | 3, keys, bytes | 4, next or null, key… | 5, next or null, [key, value, expiry (ms) or null]…
 *     message  0 attached, epoch | 1 rows, reset, base, [erased…], key, value… | 2 deltas, batch | 3 synced, seq
 */
import { isErrorCode } from "../base/errors.ts";
import { decodeItem, encodeItem } from "../data/cbor.ts";
import { blob, list, optional, text, uint, wrong } from "../protocol/frame-fields.ts";
import type { QueryAnswer, StoreCode } from "./command.ts";
import { commandItem, parseCommand, parseQuery, queryItem } from "./command-codec.ts";
import type { NumberedResult, StreamMessage, ToClient, ToMaster } from "./message.ts";

type Upward = Exclude<ToMaster, { type: "open" }>;
type Downward = Exclude<ToClient, { type: "error" }>;

/** The bytes of a message to a master. */
export function encodeToMaster(message: Upward): Uint8Array {
  switch (message.type) {
    case "commands": {
      const { first, number, ageMs, commands } = message;
      return encodeItem([0, first, number, ageMs ?? null, ...commands.map(commandItem)]);
    }
    case "query":
      return encodeItem([1, message.id, queryItem(message.query)]);
    case "attach": {
      const { stream, position, grantedBytes } = message;
      return encodeItem([2, stream, position ? [position.epoch, position.seq] : null, grantedBytes]);
    }
    case "credit":
      return encodeItem([3, message.stream, message.grantedBytes]);
    case "detach":
      return encodeItem([4]);
  }
}

/** A message to a master; byte strings are views. Throws `deserialization_failed` or `invalid_message`. */
export function decodeToMaster(bytes: Uint8Array): Upward {
  const [kind, a, b, c, ...rest] = list(decodeItem(bytes), "message");
  switch (kind) {
    case 0:
      return {
        type: "commands",
        first: uint(a, "first"),
        number: uint(b, "number"),
        ageMs: optional(c, (ms) => uint(ms, "age")),
        commands: rest.map(parseCommand),
      };
    case 1:
      return { type: "query", id: uint(a, "id"), query: parseQuery(b) };
    case 2: {
      const position = optional(b, (v) => {
        const [epoch, seq] = list(v, "position");
        return { epoch: uint(epoch, "epoch"), seq: uint(seq, "seq") };
      });
      return { type: "attach", stream: uint(a, "stream"), position, grantedBytes: uint(c, "granted bytes") };
    }
    case 3:
      return { type: "credit", stream: uint(a, "stream"), grantedBytes: uint(b, "granted bytes") };
    case 4:
      return { type: "detach" };
    default:
      return wrong("message", "of a known kind", kind);
  }
}

/** The bytes of a message to a client. */
export function encodeToClient(message: Downward): Uint8Array {
  switch (message.type) {
    case "master":
      return encodeItem([16, message.epoch, message.seq]);
    case "results": {
      const results = message.results.map(({ number, code, inserted, seq }) => [
        number,
        code ?? null,
        inserted ?? null,
        seq,
      ]);
      return encodeItem([17, message.durable, ...results]);
    }
    case "expected":
      return encodeItem([18, message.number]);
    case "answer":
      return encodeItem([19, message.id, ...answerItems(message.answer)]);
    case "stream":
      return encodeItem([20, message.stream, message.index, ...streamItems(message.message)]);
  }
}

function answerItems(answer: QueryAnswer): readonly unknown[] {
  switch (answer.type) {
    case "refused":
      return [0, answer.code];
    case "value":
      return [1, answer.value];
    case "exists":
      return [2, answer.exists];
    case "size":
      return [3, answer.keys, answer.bytes];
    case "keys":
      return [4, answer.next ?? null, ...answer.keys];
    case "entries":
      return [
        5,
        answer.next ?? null,
        ...answer.entries.map(({ key, value, expiryMs }) => [key, value, expiryMs ?? null]),
      ];
  }
}

function streamItems(message: StreamMessage): readonly unknown[] {
  switch (message.type) {
    case "attached":
      return [0, message.epoch];
    case "rows": {
      const { reset, base, erased, rows } = message;
      return [1, reset, base, erased, ...rows.flatMap(({ key, value }) => [key, value])];
    }
    case "deltas":
      return [2, message.batch];
    case "synced":
      return [3, message.seq];
  }
}

/** A message to a client; byte strings are views. Throws `deserialization_failed` or `invalid_message`. */
export function decodeToClient(bytes: Uint8Array): Downward {
  const [kind, a, b, ...rest] = list(decodeItem(bytes), "message");
  switch (kind) {
    case 16:
      return { type: "master", epoch: uint(a, "epoch"), seq: uint(b, "seq") };
    case 17: {
      const results = (b === undefined ? [] : [b, ...rest]).map(parseResult);
      return { type: "results", durable: flag(a, "durable"), results };
    }
    case 18:
      return { type: "expected", number: uint(a, "number") };
    case 19:
      return { type: "answer", id: uint(a, "id"), answer: parseAnswer(b, rest) };
    case 20: {
      const [message, ...items] = rest;
      return {
        type: "stream",
        stream: uint(a, "stream"),
        index: uint(b, "index"),
        message: parseStream(message, items),
      };
    }
    default:
      return wrong("message", "of a known kind", kind);
  }
}

function flag(v: unknown, field: string): boolean {
  return typeof v === "boolean" ? v : wrong(field, "true or false", v);
}

function parseCode(v: unknown): StoreCode {
  const code = text(v, "code");
  return isErrorCode(code) ? (code as StoreCode) : wrong("code", "a known one", v);
}

function parseResult(v: unknown): NumberedResult {
  const [number, code, inserted, seq] = list(v, "result");
  const wasInserted = optional(inserted, (is) => flag(is, "inserted"));
  return {
    number: uint(number, "number"),
    code: optional(code, parseCode),
    ...(wasInserted === undefined ? {} : { inserted: wasInserted }),
    seq: uint(seq, "seq"),
  };
}

const parseKey = (v: unknown) => blob(v, "key");

function parseAnswer(kind: unknown, [a, ...rest]: readonly unknown[]): QueryAnswer {
  switch (kind) {
    case 0:
      return { type: "refused", code: parseCode(a) };
    case 1:
      return { type: "value", value: blob(a, "value") };
    case 2:
      return { type: "exists", exists: flag(a, "exists") };
    case 3:
      return { type: "size", keys: uint(a, "keys"), bytes: uint(rest[0], "bytes") };
    case 4:
      return { type: "keys", keys: rest.map(parseKey), next: optional(a, parseKey) };
    case 5: {
      const entries = rest.map((entry) => {
        const [key, value, expiryMs] = list(entry, "entry");
        return {
          key: parseKey(key),
          value: blob(value, "value"),
          expiryMs: optional(expiryMs, (ms) => uint(ms, "expiry")),
        };
      });
      return { type: "entries", entries, next: optional(a, parseKey) };
    }
    default:
      return wrong("answer", "of a known kind", kind);
  }
}

function parseStream(kind: unknown, [a, b, c, ...items]: readonly unknown[]): StreamMessage {
  switch (kind) {
    case 0:
      return { type: "attached", epoch: uint(a, "epoch") };
    case 1: {
      if (items.length % 2 !== 0) wrong("rows", "keys with values", items);
      const rows: { key: Uint8Array; value: Uint8Array }[] = [];
      for (let i = 0; i < items.length; i += 2) {
        rows.push({ key: parseKey(items[i]), value: blob(items[i + 1], "value") });
      }
      const erased = list(c, "erased").map(parseKey);
      return { type: "rows", reset: flag(a, "reset"), base: uint(b, "base"), erased, rows };
    }
    case 2:
      return { type: "deltas", batch: blob(a, "batch") };
    case 3:
      return { type: "synced", seq: uint(a, "seq") };
    default:
      return wrong("stream message", "of a known kind", kind);
  }
}
