/**
 * Reads JSON text (RFC 8259) without loss: numbers keep their literal, of objects only the keys of the Broker form are
 * kept. `JSON.parse` will not do: it cannot tell 1 from 1.0, rounds 64-bit numbers and recurses without bound.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

/** A number as it was written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The keys that a reader of values asks for; the first of repeated keys counts, other keys are checked and dropped. */
export class JsonObject {
  dataType: JsonNode | undefined = undefined;
  data: JsonNode | undefined = undefined;
  key: JsonNode | undefined = undefined;
  value: JsonNode | undefined = undefined;
  topic: JsonNode | undefined = undefined;
}

export type JsonNode = null | boolean | string | JsonNumber | JsonNode[] | JsonObject;

/** Every literal of a number from where the regular expression stands. */
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Characters that stand for themselves inside a string: all but controls, the quote and the backslash. */
const PLAIN = /[ !#-[\]-\uffff]*/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_SURROGATE = 0xd800;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Parses one JSON text. Throws `deserialization_failed`, also for lone surrogates and too deep nesting. */
export function parseJson(text: string): JsonNode {
  return new Reader(text).document();
}

/** The first quote, escape, control character, surrogate, or what lies beyond the surrogates or the end. */
function plainEnd(text: string, from: number): number {
  for (let i = from; ; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE || c === BACKSLASH || !(c >= 0x20 && c < FIRST_SURROGATE)) return i;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const node = this.#node();
    this.#blanks();
    if (this.#at !== this.#text.length) this.#fail("text after the value");
    return node;
  }

  #fail(why: string): never {
    throw new FabricError("deserialization_failed", `JSON: ${why} at character ${this.#at}`, {
      details: { at: this.#at },
    });
  }

  #blanks(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.#at++;
    }
  }

  #take(char: string): boolean {
    if (this.#text.charCodeAt(this.#at) !== char.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#take(char)) this.#fail(`no ${char}`);
  }

  #node(): JsonNode {
    this.#blanks();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail("unknown word");
    this.#at += word.length;
    return value;
  }

  #number(): JsonNumber {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) this.#fail("no value");
    const text = this.#text.slice(this.#at, NUMBER.lastIndex);
    this.#at = NUMBER.lastIndex;
    return new JsonNumber(text);
  }

  #enter(): void {
    if (++this.#depth > LIMITS.jsonNestingMax) this.#fail("nested too deeply");
    this.#at++;
    this.#blanks();
  }

  #array(): JsonNode[] {
    this.#enter();
    const out: JsonNode[] = [];
    if (!this.#take("]")) {
      do {
        out.push(this.#node());
        this.#blanks();
      } while (this.#take(","));
      this.#expect("]");
    }
    this.#depth--;
    return out;
  }

  #object(): JsonObject {
    this.#enter();
    const out = new JsonObject();
    if (!this.#take("}")) {
      do {
        this.#member(out);
      } while (this.#take(","));
      this.#expect("}");
    }
    this.#depth--;
    return out;
  }

  #member(out: JsonObject): void {
    this.#blanks();
    const key = this.#string();
    this.#blanks();
    this.#expect(":");
    const node = this.#node();
    this.#blanks();
    if (key === "@data-type") out.dataType ??= node;
    else if (key === "data") out.data = out.data === undefined ? node : out.data;
    else if (key === "key") out.key ??= node;
    else if (key === "value") out.value ??= node;
    else if (key === "topic") out.topic = out.topic === undefined ? node : out.topic;
  }

  #string(): string {
    this.#expect('"');
    const from = this.#at;
    const end = plainEnd(this.#text, from);
    this.#at = end;
    if (this.#text.charCodeAt(end) === QUOTE) {
      this.#at++;
      return this.#text.slice(from, end);
    }
    return this.#restOfString(this.#text.slice(from, end));
  }

  #restOfString(start: string): string {
    let out = start;
    for (;;) {
      const from = this.#at;
      PLAIN.lastIndex = from;
      PLAIN.test(this.#text);
      this.#at = PLAIN.lastIndex;
      out += this.#text.slice(from, this.#at);
      if (this.#take('"')) break;
      this.#expect("\\");
      out += this.#escape();
    }
    if (!out.isWellFormed()) this.#fail("lone surrogate");
    return out;
  }

  #escape(): string {
    const char = this.#text[this.#at] ?? "";
    this.#at++;
    if (char !== "u") return ESCAPES[char] ?? this.#fail("unknown escape");
    HEX4.lastIndex = this.#at;
    if (!HEX4.test(this.#text)) this.#fail("unknown escape");
    this.#at += 4;
    return String.fromCharCode(parseInt(this.#text.slice(this.#at - 4, this.#at), 16));
  }
}
