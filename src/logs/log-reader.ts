/** Reads a log line by line, TSV or JSON, and says what each line is. The lines come from line-splitter.ts. */
import { fromBytes } from "../protocol/topic.ts";
import { RowMapper } from "./mapping.ts";
import { parseJsonLine } from "./ndjson.ts";
import { streamOfText } from "./stream-of.ts";
import type { StreamName } from "./stream-name.ts";
import { decodeStrict, headerProblem, parseHeaderLine, type TsvHeader } from "./tsv.ts";

/** What a reader needs to go on in the middle of a file. Plain data. */
export type ReaderContext =
  | { readonly format: "unknown" }
  | { readonly format: "json" }
  | { readonly format: "tsv"; readonly header: TsvHeader };

/** What a line is: a record to ship as it is, one made from a row, no record (header, comment, blank), or broken. */
export type LogLine =
  | { readonly type: "asIs"; readonly stream: StreamName }
  | { readonly type: "mapped"; readonly stream: StreamName; readonly json: string }
  | { readonly type: "none" }
  | { readonly type: "broken"; readonly reason: string };

export interface ReaderNames {
  /** Stream of all records, whatever the file says. */
  readonly forced: StreamName | undefined;
  /** Stream of records that name none, from the file's name. */
  readonly fallback: StreamName;
}

const HASH = 0x23;
const BRACE = 0x7b;
const NONE: LogLine = { type: "none" };

export class LogReader {
  readonly #names: ReaderNames;
  #context: ReaderContext;
  #mapper: RowMapper | undefined;
  /** Why rows cannot be read, while they cannot. */
  #problem: string | undefined;
  /** Stream of the rows under the current header. */
  #stream: StreamName;
  #namesSeen = new Map<string, StreamName | undefined>();

  constructor(names: ReaderNames, context: ReaderContext = { format: "unknown" }) {
    this.#names = names;
    this.#context = context;
    this.#stream = names.fallback;
    if (context.format === "tsv") this.#use(context.header);
  }

  get context(): ReaderContext {
    return this.#context;
  }

  /** The next line, without its newline. */
  read(line: Uint8Array): LogLine {
    if (isBlank(line) && this.#context.format !== "tsv") return NONE;
    const first = line[0];
    if (first === HASH && this.#context.format !== "json") return this.#header(line);
    if (this.#context.format === "unknown" && startsWithBrace(line)) this.#context = { format: "json" };
    if (this.#context.format === "json") return this.#json(line);
    return this.#row(line);
  }

  #header(line: Uint8Array): LogLine {
    const before = this.#context.format === "tsv" ? this.#context.header : undefined;
    const header = parseHeaderLine(before, decodeStrict(line) ?? fromBytes(line));
    if (header !== undefined && header !== before) this.#use(header);
    return NONE;
  }

  #use(header: TsvHeader): void {
    this.#context = { format: "tsv", header };
    this.#mapper = undefined;
    this.#problem = headerProblem(header);
    this.#stream = this.#streamNamed(header.path) ?? this.#names.fallback;
  }

  #row(line: Uint8Array): LogLine {
    if (this.#context.format !== "tsv") {
      return { type: "broken", reason: "it is neither JSON nor below a Zeek header" };
    }
    if (this.#problem !== undefined) return { type: "broken", reason: this.#problem };
    // A row with one column may be empty text; with more it cannot be blank.
    if (line.length === 0) return NONE;
    this.#mapper ??= new RowMapper(this.#context.header);
    const text = decodeStrict(line);
    const mapped = this.#mapper.map(text ?? fromBytes(line), text === undefined);
    return "reason" in mapped
      ? { type: "broken", reason: mapped.reason }
      : { type: "mapped", stream: this.#names.forced ?? this.#stream, json: mapped.json };
  }

  #json(line: Uint8Array): LogLine {
    const text = decodeStrict(line);
    if (text === undefined) return { type: "broken", reason: "it is not UTF-8" };
    const parsed = parseJsonLine(text);
    if ("reason" in parsed) return { type: "broken", reason: parsed.reason };
    const stream = this.#names.forced ?? this.#streamNamed(parsed.stream) ?? this.#names.fallback;
    return { type: "asIs", stream };
  }

  #streamNamed(name: string | undefined): StreamName | undefined {
    if (name === undefined) return undefined;
    if (!this.#namesSeen.has(name)) {
      if (this.#namesSeen.size >= NAMES_REMEMBERED) this.#namesSeen.clear();
      this.#namesSeen.set(name, streamOfText(name));
    }
    return this.#namesSeen.get(name);
  }
}

/** Raw names are few; a file that makes them up must not fill memory. */
const NAMES_REMEMBERED = 1_024;

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function startsWithBrace(line: Uint8Array): boolean {
  return line.find((byte) => byte !== 0x20 && byte !== 0x09) === BRACE;
}
