/**
 * Cuts a log file into segments: pieces of the uncompressed source with the NDJSON of each stream in them. A segment
 * ends behind a line, when it is large enough; what it holds depends on the source's bytes and the start only.
 */
import { LIMITS } from "../base/limits.ts";
import { LineSplitter, concat, type Line } from "./line-splitter.ts";
import { LogReader, type ReaderContext, type ReaderNames } from "./log-reader.ts";
import type { StreamName } from "./stream-name.ts";

/** Where a source stands between two segments. Plain data, kept with the writer's state. */
export interface SourcePosition {
  readonly offset: number;
  /** Lines before `offset`. */
  readonly line: number;
  readonly reader: ReaderContext;
}

export const START: SourcePosition = { offset: 0, line: 0, reader: { format: "unknown" } };

/** The records of one stream in a segment. */
export interface SegmentPart {
  readonly stream: StreamName;
  readonly records: number;
  /** NDJSON, each line ended by LF. */
  readonly lines: Uint8Array;
}

export interface BrokenLine {
  /** 1 is the first line of the file. */
  readonly line: number;
  readonly reason: string;
}

export interface CutSegment {
  readonly from: number;
  readonly to: SourcePosition;
  readonly parts: readonly SegmentPart[];
  /** Lines that were skipped, at most `LIMITS.shipBrokenNamed` of them by name. */
  readonly broken: readonly BrokenLine[];
  readonly brokenCount: number;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NEWLINE = Uint8Array.of(0x0a);
/** Text of mapped rows is encoded in pieces of about this many characters. */
const TEXT_CHARS = 64 * 1024;

class Part {
  records = 0;
  bytes = 0;
  readonly #stream: StreamName;
  #pieces: Uint8Array[] = [];
  #text = "";
  #run: { readonly buffer: ArrayBufferLike; readonly start: number; end: number } | undefined;

  constructor(stream: StreamName) {
    this.#stream = stream;
  }

  /** A line as it is; a run of lines that are neighbours in one chunk costs one copy, when the part is sealed. */
  addBytes(line: Uint8Array, inPlace: boolean): void {
    this.records++;
    this.bytes += line.length + 1;
    const run = this.#run;
    if (inPlace && run !== undefined && run.buffer === line.buffer && run.end === line.byteOffset) {
      run.end += line.length + 1;
      return;
    }
    this.#flush();
    if (inPlace) {
      const { buffer, byteOffset: start, length } = line;
      this.#run = { buffer, start, end: start + length + 1 };
    } else {
      this.#pieces.push(line, NEWLINE);
    }
  }

  addText(json: string): void {
    this.records++;
    this.bytes += utf8BytesMax(json) + 1;
    this.#text += `${json}\n`;
    if (this.#text.length >= TEXT_CHARS) this.#flush();
  }

  seal(): SegmentPart {
    this.#flush();
    const length = this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
    return { stream: this.#stream, records: this.records, lines: concat(this.#pieces, length) };
  }

  #flush(): void {
    const run = this.#run;
    if (run !== undefined) this.#pieces.push(new Uint8Array(run.buffer, run.start, run.end - run.start));
    if (this.#text !== "") this.#pieces.push(encoder.encode(this.#text));
    this.#run = undefined;
    this.#text = "";
  }
}

/** A JSON line as it is, but for blanks and CR around the object: a record begins with { and ends with } (rule 19). */
function addObject(part: Part, line: Uint8Array, inPlace: boolean): void {
  const from = line.indexOf(OPEN_BRACE);
  const to = line.lastIndexOf(CLOSE_BRACE) + 1;
  const isTrimmed = from > 0 || to < line.length;
  part.addBytes(isTrimmed ? line.slice(from, to) : line, inPlace && !isTrimmed);
}

const encoder = new TextEncoder();
const NON_ASCII = /[^\0-\x7f]/;

/** What a text takes as UTF-8, bytes: exact when it is ASCII, else up to three times as much as it may. */
function utf8BytesMax(text: string): number {
  return NON_ASCII.test(text) ? text.length * 3 : text.length;
}

export class Segmenter {
  readonly #reader: LogReader;
  readonly #splitter: LineSplitter;
  #from: number;
  #to: SourcePosition;
  #parts = new Map<StreamName, Part>();
  #records = 0;
  #bytes = 0;
  #broken: BrokenLine[] = [];
  #brokenCount = 0;
  #full: CutSegment[] = [];

  constructor(names: ReaderNames, position: SourcePosition = START) {
    this.#reader = new LogReader(names, position.reader);
    this.#splitter = new LineSplitter(position.offset, LIMITS.logRecordBytesMax);
    this.#from = position.offset;
    this.#to = position;
  }

  /** Whether what was pushed shows that this is no log: lines enough, and neither JSON nor a header of Zeek's in them. */
  get isForeign(): boolean {
    return this.#reader.context.format === "unknown" && this.#brokenCount >= LIMITS.shipForeignLines;
  }

  /** Takes the next chunk; answers with the segments that it filled. The chunk must not change afterwards. */
  push(chunk: Uint8Array): readonly CutSegment[] {
    this.#splitter.push(chunk, (line) => this.#take(line, this.#reader.read(line.bytes ?? EMPTY)));
    return this.#drain();
  }

  /**
   * The source has ended for now. A last line without a newline is taken when it is a whole record; otherwise it is
   * left, and reported unless it is a comment, so that it is read again when it has grown. Answers with one last
   * segment at least, which may be empty.
   */
  end(): readonly CutSegment[] {
    const rest = this.#splitter.rest();
    if (rest !== undefined) {
      const line = this.#reader.read(rest.bytes ?? EMPTY);
      if (line.type === "broken" || rest.bytes === undefined) {
        this.#report(this.#to.line + 1, "it has no newline and is no whole record");
      } else if (line.type !== "none") {
        this.#take(rest, line);
      }
    }
    return this.#finish();
  }

  /** Like `end`, for a source that is damaged behind what was pushed: an unfinished line is part of the damage. */
  endDamaged(reason: string): readonly CutSegment[] {
    this.#report(this.#to.line + 1, reason);
    return this.#finish();
  }

  #finish(): readonly CutSegment[] {
    this.#seal();
    return this.#drain();
  }

  #take({ bytes, inPlace, end }: Line, line: ReturnType<LogReader["read"]>): void {
    const number = this.#to.line + 1;
    if (bytes === undefined) {
      this.#report(number, `it is longer than ${LIMITS.logRecordBytesMax} bytes`);
    } else if (line.type === "broken") {
      this.#report(number, line.reason);
    } else if (line.type !== "none") {
      let part = this.#parts.get(line.stream);
      if (part === undefined) this.#parts.set(line.stream, (part = new Part(line.stream)));
      const before = part.bytes;
      if (line.type === "asIs") addObject(part, bytes, inPlace);
      else if (utf8BytesMax(line.json) <= LIMITS.logRecordBytesMax) part.addText(line.json);
      else this.#report(number, `as JSON it is longer than ${LIMITS.logRecordBytesMax} bytes`);
      this.#bytes += part.bytes - before;
      this.#records++;
    }
    this.#to = { offset: end, line: number, reader: this.#reader.context };
    if (
      this.#bytes >= LIMITS.shipSegmentBytes ||
      this.#records >= LIMITS.shipSegmentRecords ||
      this.#parts.size >= LIMITS.shipSegmentStreams
    ) {
      this.#seal();
    }
  }

  #report(line: number, reason: string): void {
    this.#brokenCount++;
    if (this.#broken.length < LIMITS.shipBrokenNamed) this.#broken.push({ line, reason });
  }

  #seal(): void {
    this.#full.push({
      from: this.#from,
      to: this.#to,
      parts: [...this.#parts.values()].filter((part) => part.records > 0).map((part) => part.seal()),
      broken: this.#broken,
      brokenCount: this.#brokenCount,
    });
    this.#from = this.#to.offset;
    this.#parts = new Map();
    this.#records = this.#bytes = this.#brokenCount = 0;
    this.#broken = [];
  }

  #drain(): readonly CutSegment[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }
}

const EMPTY = new Uint8Array();
