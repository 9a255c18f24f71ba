/** One run of `selvedge ship`: files in, segments sealed ahead in zlib's threads, batches out, a report at the end. */
import { basename } from "node:path";
import { LIMITS } from "../base/limits.ts";
import { Segmenter, type CutSegment } from "../logs/segmenter.ts";
import type { PinnedBatch, ShipState } from "../logs/ship-state.ts";
import { streamOfFile } from "../logs/stream-of.ts";
import type { StreamName } from "../logs/stream-name.ts";
import { contentOf, DamagedGzip, factsOf, type FileFacts } from "./ship-file.ts";
import type { ShipFolder } from "./ship-folder.ts";
import type { OpenLogLink } from "../sdk/log-link.ts";
import { sealPart } from "./ship-seal.ts";
import { beginningOf, restarted, type SourceContext } from "./ship-source.ts";
import { ShipWriter, type SealedPart } from "../sdk/ship-writer.ts";

export interface ShipRunOptions {
  readonly folder: ShipFolder;
  readonly state: ShipState;
  readonly openLink: OpenLogLink;
  readonly patienceMs: number;
  /** Stream of all records, whatever the files say. */
  readonly stream: StreamName | undefined;
  /** zlib's level, 1 to 9. */
  readonly level: number;
  /** Ship the files from their start, even if they were shipped before. */
  readonly again: boolean;
  /** Hears of progress, often. */
  readonly onProgress: (progress: ShipProgress) => void;
}

export interface ShipProgress {
  readonly file: string;
  /** Bytes of all files, and how many of them have been read. */
  readonly bytesAll: number;
  readonly bytesRead: number;
  /** Records that loggers have taken. */
  readonly records: number;
}

interface SkippedLine {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

export interface FileReport {
  readonly file: string;
  /** Records found in what was not shipped before. */
  records: number;
  /** Bytes of NDJSON in them. */
  bytes: number;
  skipped: number;
  /** The file was shipped before under this name. */
  readonly formerly: string | undefined;
}

export interface ShipReport {
  readonly files: FileReport[];
  /** Records that loggers have taken in this run, by stream. */
  readonly streams: Map<string, number>;
  /** Lines that hold no record that could be shipped; the first ones of each segment by name. */
  readonly skipped: SkippedLine[];
  skippedCount: number;
  /** Records that an earlier run had recorded and this one sent. */
  resumed: number;
}

/** Segments that are read and compressed ahead of the one that waits to be sent. */
const SEAL_AHEAD = 3;

interface Piece {
  readonly source: string;
  readonly cut: CutSegment;
  readonly context: SourceContext;
}

export class ShipRun {
  readonly report: ShipReport = {
    files: [],
    streams: new Map(),
    skipped: [],
    skippedCount: 0,
    resumed: 0,
  };
  readonly #options: ShipRunOptions;
  readonly #writer: ShipWriter;
  /** Batches that were pending when the run began. */
  readonly #older: ReadonlySet<number>;
  #records = 0;
  #bytesAll = 0;
  #bytesBefore = 0;

  /** Starts to connect and to send what an earlier run left. */
  constructor(options: ShipRunOptions) {
    this.#options = options;
    const { folder, state, openLink, patienceMs } = options;
    this.#writer = new ShipWriter({
      journal: folder,
      state,
      openLink,
      patienceMs,
      onTaken: (batch) => this.#onTaken(batch),
    });
    this.#older = new Set(this.#writer.pending.map((batch) => batch.id));
  }

  /** Ships the files in order; resolves when every batch is taken. Rejects when it cannot go on or is stopped. */
  async ship(paths: readonly string[]): Promise<void> {
    const files = await Promise.all(paths.map(factsOf));
    this.#bytesAll = files.reduce((sum, { size }) => sum + size, 0);
    const ahead: { piece: Piece; parts: Promise<SealedPart[]> }[] = [];
    const sendFirst = async () => {
      const { piece, parts } = ahead.shift()!;
      await this.#offer(piece, await parts);
    };
    for (const file of files) {
      for await (const piece of this.#pieces(file)) {
        const parts = this.#seal(piece);
        // It is awaited in its turn; until then a failure is not unheard of.
        parts.catch(() => {});
        ahead.push({ piece, parts });
        while (ahead.length > SEAL_AHEAD) await sendFirst();
      }
      // The next file may be the same one under another name: the state must know this one first.
      while (ahead.length > 0) await sendFirst();
      this.#bytesBefore += file.size;
    }
    await this.#writer.settled();
  }

  /** Makes `ship` reject with this error soon. */
  stop(error: Error): void {
    this.#writer.abort(error);
  }

  /** Batches recorded but not answered. */
  get pending(): readonly PinnedBatch[] {
    return this.#writer.pending;
  }

  close(): void {
    this.#writer.close();
  }

  async *#pieces(file: FileFacts): AsyncGenerator<Piece> {
    const { state, again, stream } = this.#options;
    const found = await beginningOf(file, state);
    const { source, position, window, formerly, isUnchanged } = again ? restarted(found) : found;
    const report: FileReport = { file: file.path, records: 0, bytes: 0, skipped: 0, formerly };
    this.report.files.push(report);
    if (isUnchanged) return;
    const names = { forced: stream, fallback: streamOfFile(basename(file.path)) };
    const segmenter = new Segmenter(names, position);
    const piece = (cut: CutSegment, isDone: boolean): Piece => {
      this.#count(report, cut);
      const hashes = window.hashes(cut.to.offset);
      return { source, cut, context: { position: cut.to, file, ...hashes, isDone } };
    };
    let damage: DamagedGzip | undefined;
    try {
      for await (const chunk of contentOf(file, position.offset, (at) => this.#progress(file, at))) {
        window.push(chunk);
        const cuts = segmenter.push(chunk);
        if (segmenter.isForeign) return this.#skipForeign(report);
        for (const cut of cuts) yield piece(cut, false);
      }
    } catch (error) {
      if (!(error instanceof DamagedGzip)) throw error;
      damage = error;
    }
    const last = damage === undefined ? segmenter.end() : segmenter.endDamaged(damage.message);
    // What is broken behind the position is read and reported again in the next run.
    for (const cut of last) yield piece(cut, cut === last.at(-1) && cut.brokenCount === 0);
  }

  #count(report: FileReport, cut: CutSegment): void {
    for (const { records, lines } of cut.parts) {
      report.records += records;
      report.bytes += lines.length;
    }
    report.skipped += cut.brokenCount;
    this.report.skippedCount += cut.brokenCount;
    const room = LIMITS.shipBrokenNamed - this.report.skipped.length;
    for (const broken of cut.broken.slice(0, Math.max(0, room))) {
      this.report.skipped.push({ file: report.file, ...broken });
    }
  }

  /** Leaves the file as it is: the next run looks at it again. */
  #skipForeign(report: FileReport): void {
    report.skipped++;
    this.report.skippedCount++;
    const reason = "this is no Zeek log: it begins with neither JSON nor a header of Zeek's";
    this.report.skipped.push({ file: report.file, line: 1, reason });
  }

  async #seal({ source, cut }: Piece): Promise<SealedPart[]> {
    const range = { source, from: cut.from, to: cut.to.offset };
    const parts = await Promise.all(cut.parts.map((part) => sealPart(part, range, this.#options.level)));
    return parts.flat();
  }

  async #offer({ source, cut, context }: Piece, parts: readonly SealedPart[]): Promise<void> {
    await this.#writer.offer({ source, from: cut.from, to: cut.to.offset, context }, parts);
  }

  #onTaken(batch: PinnedBatch): void {
    const { streams } = this.report;
    streams.set(batch.stream, (streams.get(batch.stream) ?? 0) + batch.records);
    this.#records += batch.records;
    if (this.#older.has(batch.id)) this.report.resumed += batch.records;
  }

  #progress({ path }: FileFacts, fileBytes: number): void {
    this.#options.onProgress({
      file: path,
      bytesAll: this.#bytesAll,
      bytesRead: this.#bytesBefore + fileBytes,
      records: this.#records,
    });
  }
}
