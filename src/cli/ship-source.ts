/**
 * Which files were shipped already, and how far. A file is the one that was shipped before if it has the same device
 * and inode, or, when the file known before is no longer in its place (rotated away, compressed, moved to another
 * disk), if its content is the same up to where shipping stopped. Content is compared at both ends of that part.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { LIMITS } from "../base/limits.ts";
import { concat } from "../logs/line-splitter.ts";
import { START, type SourcePosition } from "../logs/segmenter.ts";
import type { ShipState } from "../logs/ship-state.ts";
import { contentOf, DamagedGzip, type FileFacts } from "./ship-file.ts";

const PROBE_BYTES = 4096;
/** Enough behind a segment's end to hold an unfinished line and the chunk that it was cut in. */
const WINDOW_BYTES = LIMITS.logRecordBytesMax + 2 * PROBE_BYTES + 512 * 1024;

/** What stands behind the path in a source's name: device, inode and life. */
const SUFFIX_BYTES_MAX = 64;

/** What the state folder keeps for a source. */
export interface SourceContext {
  readonly position: SourcePosition;
  /** The file as it was read last. */
  readonly file: FileFacts;
  /** SHA-256 (hex) of the first and of the last `PROBE_BYTES` before the position, or of all when it has fewer. */
  readonly head: string;
  readonly tail: string;
  /** Whether the file held nothing more when it was read last. */
  readonly isDone: boolean;
}

interface KnownSource {
  readonly source: string;
  readonly context: SourceContext;
}

/** Where to begin with a file. */
export interface Beginning {
  /** Name of the source in the state and in the batches' ranges. */
  readonly source: string;
  readonly position: SourcePosition;
  readonly window: TailWindow;
  /** The source was shipped before as this file, which has another name or place now. */
  readonly formerly: string | undefined;
  /** It was read to its end before and has not changed since. */
  readonly isUnchanged: boolean;
}

/** The bytes before a moving position, for its hash. */
class TailWindow {
  #pieces: Uint8Array[] = [];
  #length = 0;
  #end: number;
  #head: Uint8Array;

  /** `offset` is that of the first piece; `head` holds the source's first bytes unless the offset is 0. */
  constructor(offset = 0, head: Uint8Array = new Uint8Array()) {
    this.#end = offset;
    this.#head = head;
  }

  push(piece: Uint8Array): void {
    if (this.#head.length < PROBE_BYTES && this.#end === this.#head.length) {
      const more = piece.subarray(0, PROBE_BYTES - this.#head.length);
      this.#head = concat([this.#head, more], this.#head.length + more.length);
    }
    this.#pieces.push(piece);
    this.#length += piece.length;
    this.#end += piece.length;
    while (this.#length - this.#pieces[0]!.length > WINDOW_BYTES)
      this.#length -= this.#pieces.shift()!.length;
  }

  /** Hashes of both ends of the content before `offset`. */
  hashes(offset: number): { readonly head: string; readonly tail: string } {
    const hash = createHash("sha256");
    let at = this.#end - this.#length;
    for (const piece of this.#pieces) {
      const from = Math.max(0, offset - PROBE_BYTES - at);
      const to = Math.min(piece.length, offset - at);
      if (from < to) hash.update(piece.subarray(from, to));
      at += piece.length;
    }
    return { head: sha256(this.#head.subarray(0, offset)), tail: hash.digest("hex") };
  }
}

/** Where to begin with the file, by what the state knows. */
export async function beginningOf(facts: FileFacts, state: ShipState): Promise<Beginning> {
  const known = knownSources(state);
  const here = known.filter((source) => isSameFile(source, facts));
  const unchanged = here.find((source) => isUnchangedFile(source, facts));
  if (unchanged !== undefined) {
    return { ...placeOf(unchanged, facts), window: new TailWindow(), isUnchanged: true };
  }
  const head = await firstBytes(facts);
  const elsewhere = known.filter(
    (candidate) => !here.includes(candidate) && candidate.context.position.offset > 0,
  );
  for (const candidate of [...here, ...elsewhere]) {
    const { offset } = candidate.context.position;
    if (candidate.context.head !== sha256(head.subarray(0, offset))) continue;
    if (!here.includes(candidate) && !(await isGone(candidate.context))) continue;
    const window = await windowAt(facts, candidate.context, head);
    if (window !== undefined) return { ...placeOf(candidate, facts), window, isUnchanged: false };
  }
  return {
    source: freshName(facts, state),
    position: START,
    window: new TailWindow(),
    formerly: undefined,
    isUnchanged: false,
  };
}

/** Whether the file was shipped to its end and has not changed since. Reads nothing. */
export function isUnchanged(facts: FileFacts, state: ShipState): boolean {
  return knownSources(state).some((source) => isSameFile(source, facts) && isUnchangedFile(source, facts));
}

/** The same source from its start, whatever was shipped of it. */
export function restarted(beginning: Beginning): Beginning {
  return { ...beginning, position: START, window: new TailWindow(), isUnchanged: false };
}

function knownSources(state: ShipState): KnownSource[] {
  return [...state.sources]
    .map(([source, { context }]) => ({ source, context: context as SourceContext }))
    .toSorted((a, b) => b.context.position.offset - a.context.position.offset);
}

function isSameFile({ context: { file } }: KnownSource, { dev, ino }: FileFacts): boolean {
  return file.dev === dev && file.ino === ino;
}

function isUnchangedFile({ context: { file, isDone } }: KnownSource, { size, mtimeMs }: FileFacts): boolean {
  return isDone && file.size === size && file.mtimeMs === mtimeMs;
}

function placeOf({ source, context }: KnownSource, facts: FileFacts) {
  const { position, file } = context;
  return { source, position, formerly: file.path === facts.path ? undefined : file.path };
}

/** A name that no other source of the state has: an inode can come back, and a file can be truncated. */
function freshName({ path, dev, ino }: FileFacts, state: ShipState): string {
  const name = `${shortPath(path)}#${dev}:${ino}`;
  for (let life = 2, unique = name; ; life++) {
    if (!state.sources.has(unique)) return unique;
    unique = `${name}#${life}`;
  }
}

/** The path, or its hash where it would not fit the name of a source. */
function shortPath(path: string): string {
  const bytes = Buffer.from(path);
  return bytes.length <= LIMITS.logSourceBytesMax - SUFFIX_BYTES_MAX ? path : `sha256:${sha256(bytes)}`;
}

/** Whether the file of a known source is no longer what it was. */
async function isGone({ file, position }: SourceContext): Promise<boolean> {
  try {
    const now = await stat(file.path);
    return now.dev !== file.dev || now.ino !== file.ino || (!file.isGzip && now.size < position.offset);
  } catch {
    return true;
  }
}

/** The window at the known position, if the file's content before it is what was shipped. */
async function windowAt(
  facts: FileFacts,
  { position: { offset }, tail }: SourceContext,
  head: Uint8Array,
): Promise<TailWindow | undefined> {
  const start = Math.max(0, offset - PROBE_BYTES);
  const window = new TailWindow(start, head.subarray(0, Math.min(offset, PROBE_BYTES)));
  const bytes = await take(facts, start, offset - start);
  if (bytes.length < offset - start) return undefined;
  window.push(bytes);
  return window.hashes(offset).tail === tail ? window : undefined;
}

async function firstBytes(facts: FileFacts): Promise<Uint8Array> {
  return take(facts, 0, PROBE_BYTES);
}

/** Up to `length` bytes of the content from `offset` on. */
async function take(facts: FileFacts, offset: number, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let taken = 0;
  try {
    for await (const chunk of contentOf(facts, offset)) {
      pieces.push(chunk.subarray(0, length - taken));
      taken += pieces.at(-1)!.length;
      if (taken >= length) break;
    }
  } catch (error) {
    // What was good counts; shipping meets the damage again and reports it.
    if (!(error instanceof DamagedGzip)) throw error;
  }
  return concat(pieces, taken);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
