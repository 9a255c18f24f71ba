/** The bounds of logs: part of LIMITS (limits.ts), and read there. */
import { DAY_MS, KIB, MIB } from "./units.ts";

export const LOG_LIMITS = {
  // Logs (rules 16 to 22).
  /** One log batch as sent, bytes of gzip (a SQLite row holds 2 MB). */
  logBatchBytesMax: 1 * MIB,
  /** One log batch inflated, bytes. */
  logBatchInflatedBytesMax: 32 * MIB,
  /** Records in one log batch. */
  logBatchRecordsMax: 100_000,
  /** One record, bytes: even if it does not compress, it fits a batch. */
  logRecordBytesMax: 1_000_000,
  /** Where a shipper cuts its input: NDJSON bytes (about 256 KiB of gzip), records and streams of one segment. */
  shipSegmentBytes: 2 * MIB,
  shipSegmentRecords: 20_000,
  shipSegmentStreams: 64,
  /** Broken lines that one segment names; more are only counted. */
  shipBrokenNamed: 100,
  /** Lines without a record, none with one before them, after which a file is no log. */
  shipForeignLines: 5,
  /** Unanswered batches of a log writer at one logger, frames and bytes; reading stops at them. */
  shipWindowFrames: 8,
  shipWindowBytes: 4 * MIB,
  /** Silence of a logger after which a writer asks for its position, ms. */
  shipAnswerMs: 10_000,
  /** How long a writer's new connection waits for the positions of all enabled loggers before it uses some, ms. */
  shipGatherMs: 500,
  /** Back-off of a writer from a logger that is unavailable, ms: first try, factor 2, last. */
  shipRetryMs: 100,
  shipRetryMaxMs: 5_000,
  /** Records of a client's log stream that are sent together, and how long they wait for that, ms (as in Zeek). */
  logFlushRecords: 400,
  logFlushMs: 1_000,
  /** Log records of a client that no logger has room for yet, bytes of NDJSON; past it, writes are refused. */
  logHeldBytesMax: 32 * MIB,
  /** How old a client's writer instance may be when new batches begin with another one, ms: under `logBirthAgeMsMax`. */
  logLifeMs: 14 * DAY_MS,
  /** Longest name of a source in a batch's range, bytes of UTF-8: it is kept with every writer's mark. */
  logSourceBytesMax: 4 * KIB,
  /** Longest stream name, characters. */
  streamNameMax: 128,
  /** Longest path of a file that is written in chunks, bytes of UTF-8: it becomes part of an R2 key (1,024). */
  filePathBytesMax: 512,
  /** What a batch may inflate to, bytes for each byte of gzip, once it is past the free part (rule 19; real logs: 30). */
  logBatchRatioMax: 64,
  logBatchRatioFreeBytes: 4 * MIB,
  /** Compressed bytes that close an object, and the members it may hold (their list is one row of the manifest). */
  logObjectBytes: 8 * MIB,
  logObjectMembersMax: 4_096,
  /** Age of the oldest buffered batch of a stream at which it is flushed, ms. */
  logObjectAgeMs: 60_000,
  /** Accepted batches that a logger holds until R2 has them, bytes and count. */
  logBufferBytesMax: 512 * MIB,
  logBufferBatchesMax: 65_536,
  /** Puts of one logger under way at once; each holds a whole object in memory. */
  logPutsMax: 2,
  /** A put without an answer for this long is put again, ms. */
  logPutMs: 60_000,
  /** Back-off of failed puts, ms: first try, factor 2, last. */
  logPutRetryMs: 1_000,
  logPutRetryMaxMs: 60_000,
  /** How long a request for a flush waits for R2, ms. */
  logFlushWaitMs: 30_000,
  /** Streams that one request for a flush may name. */
  flushStreamsMax: 256,
  /** Writers whose marks one logger keeps. */
  logWritersMax: 16_384,
  /** A writer's mark is kept this long after its last batch, ms (rule 18). */
  logMarkMs: 30 * DAY_MS,
  /** How far a writer's clock may be off, ms, and how old a new writer may be so that its mark cannot have expired. */
  logClockSkewMs: DAY_MS,
  logBirthAgeMsMax: 28 * DAY_MS,
  /** Unanswered batches of one session at one logger, bytes and count. */
  logUnansweredBytesMax: 16 * MIB,
  logUnansweredFramesMax: 256,
  /** A session gives up a logger whose trunk does not open for this long, ms. */
  logTrunkMs: 10_000,
  /** Units of a stream (objects, or runs of batches) in one answer to a reader, and bytes of batches in it. */
  logReadUnitsMax: 256,
  logReadBytesMax: 4 * MIB,
  /** Custom metadata of an R2 object that lists its members, bytes (R2 takes 8,192 in all). */
  logObjectMetadataBytesMax: 4_096,
} as const;
