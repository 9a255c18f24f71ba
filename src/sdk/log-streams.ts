/**
 * Remote logging: the streams of a client. Each record has a topic, as in Zeek, and the topic says where it goes
 * (src/cluster/log-routes.ts): to the logger whose turn it is, in a batch with others, or to subscribers. Source: Zeek's
 * logging framework, spec/cluster.md §9.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { logPath, type LogTopic } from "../cluster/log-topic.ts";
import { ANY_LOGGER, LogRoutes, NO_LOGGERS, type LogRoute } from "../cluster/log-routes.ts";
import { none, type Value } from "../data/value.ts";
import { logCreate, logWrite } from "../endpoint/log-events.ts";
import { RecordBuffer } from "../logs/record-buffer.ts";
import { parseStreamName, type StreamName } from "../logs/stream-name.ts";
import { ViewCopy } from "../membership/view-copy.ts";
import { parseTopic } from "../protocol/topic.ts";
import { logLine, type LogRecord } from "../script/log-line.ts";
import type { MemberAnswer, MemberRequest } from "./client-engine.ts";
import { LogDelivery, type LogConnection } from "./log-delivery.ts";
import type { LogLines } from "./log-seal.ts";
import { toValue, type Argument } from "./values.ts";
import type { Welcome } from "./welcome.ts";

export interface LogStreamOptions {
  /** Zeek's `$path`, the name of the stream in R2: by default the module of the id in lower case, `conn` of `Conn::LOG`. */
  readonly path?: string | undefined;
  /** Zeek's `enable_remote_logging`: whether records go anywhere. On by default. */
  readonly remote?: boolean | undefined;
  /** Decides the topic of each record; by default the loggers of the layout take turns (`Cluster::rr_log_topic`). */
  readonly logTopic?: LogTopic | undefined;
  /** Zeek's `$ev`: the event that each record raises, only where it is written. */
  readonly event?: ((record: LogRecord) => void) | undefined;
}

/** What log streams need of a client. */
export interface LogPort extends LogConnection {
  publish(topic: string, name: string, args: readonly Argument[]): void;
  flush(): Promise<void>;
  sendMember(frame: MemberRequest): boolean;
}

/** A record on its way. */
interface Entry {
  readonly stream: string;
  readonly path: StreamName;
  readonly record: LogRecord;
  readonly line: string;
  readonly route: LogRoute;
}

/** One stream of a client. Records that are written within a second of each other travel together. */
export class LogStream implements AsyncDisposable {
  /** Its id, e.g. `Conn::LOG`. */
  readonly id: string;
  readonly path: string;
  /** Zeek's `Log::enable_remote_logging` and `disable_remote_logging`. */
  isRemote: boolean;
  readonly #options: LogStreamOptions;
  readonly #write: (stream: LogStream, record: LogRecord, topic: LogTopic | undefined) => void;
  readonly #flush: (path: string) => Promise<void>;
  #isClosed = false;

  /** @internal Use `client.logs.stream`. Throws `invalid_data` for a path that is no name. */
  constructor(
    id: string,
    options: LogStreamOptions,
    write: (stream: LogStream, record: LogRecord, topic: LogTopic | undefined) => void,
    flush: (path: string) => Promise<void>,
  ) {
    this.id = id;
    this.path = parseStreamName(options.path ?? logPath(id));
    this.isRemote = options.remote ?? true;
    this.#options = options;
    this.#write = write;
    this.#flush = flush;
  }

  /**
   * Writes a record. Throws `invalid_data` for what no log can hold, `too_large` past `LIMITS.logRecordBytesMax`,
   * `publisher_too_fast` when no logger has room for what is written, `shutting_down` when the stream is closed.
   */
  write(record: LogRecord): void {
    if (this.#isClosed) throw new FabricError("shutting_down", `the log stream ${this.id} is closed`);
    this.#options.event?.(record);
    if (this.isRemote) this.#write(this, record, this.#options.logTopic);
  }

  /** Resolves when every record so far is in a logger's storage, or with those who subscribe; rejects with what was lost. */
  async flush(): Promise<void> {
    await this.#flush(this.path);
  }

  /** Like `flush`; later writes fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export class LogStreams {
  /** Zeek's `Broker::log_topic`, for all streams that have none of their own. */
  logTopic: LogTopic | undefined;
  readonly #port: LogPort;
  readonly #delivery: LogDelivery;
  readonly #buffer = new RecordBuffer<Entry>();
  readonly #streams = new Map<string, LogStream>();
  readonly #views = new ViewCopy();
  #routes = new LogRoutes(NO_LOGGERS, false);
  #welcome: Welcome | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was taken from the buffer, in its order. */
  #sending: Promise<void> = Promise.resolve();
  /** Bytes that no logger has yet. */
  #heldBytes = 0;
  #failure: unknown;
  #unpublished = 0;
  #hasPublished = false;

  /** To be made before the client's first welcome. */
  constructor(port: LogPort) {
    this.#port = port;
    this.#delivery = new LogDelivery(port);
    port.on("welcome", (welcome) => this.#greeted(welcome));
    port.on("member", (frame) => this.#heard(frame));
    port.on("close", () => clearTimeout(this.#timer));
  }

  /** Records that were given up, since some batch was refused for good: no logger, or nobody, has them for certain. */
  get dropped(): number {
    return this.#delivery.dropped + this.#unpublished;
  }

  /** The stream of an id, made on first use; options count then. Throws `invalid_data`. */
  stream(id: string, options: LogStreamOptions = {}): LogStream {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = new LogStream(
        id,
        options,
        (from, record, topic) => this.#write(from, record, topic),
        (path) => this.#flushed([path]),
      );
      this.#streams.set(id, stream);
      if (this.#streams.size === 1) this.#watch();
    }
    return stream;
  }

  /** Writes a record to a stream. Throws like `LogStream.write` and `stream`. */
  write(id: string, record: LogRecord): void {
    this.stream(id).write(record);
  }

  /** Like `LogStream.flush`, for all streams. */
  async flush(): Promise<void> {
    await this.#flushed(this.#buffer.streams);
  }

  #write({ id, path }: LogStream, record: LogRecord, decide = this.logTopic): void {
    const line = logLine(record);
    const bytes = line.length;
    if (bytes * 3 > LIMITS.logRecordBytesMax && byteLength(line) > LIMITS.logRecordBytesMax) {
      throw new FabricError("too_large", `a record has at most ${LIMITS.logRecordBytesMax} bytes`);
    }
    if (this.#heldBytes + bytes > LIMITS.logHeldBytesMax) {
      throw new FabricError("publisher_too_fast", `${this.#heldBytes} bytes of log records wait`);
    }
    const topic = decide === undefined ? this.#routes.nextTopic(id) : decide(id, path);
    parseTopic(topic);
    const entry = { stream: id, path: path as StreamName, record, line, route: this.#routes.routeOf(topic) };
    this.#heldBytes += bytes;
    if (this.#buffer.add(path, entry, bytes, Date.now())) this.#take([path]);
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { dueMs } = this.#buffer;
    if (dueMs === undefined) return;
    const waitMs = Math.max(0, dueMs - Date.now());
    this.#timer = setTimeout(() => {
      this.#take(this.#buffer.due(Date.now()));
      this.#schedule();
    }, waitMs);
  }

  async #flushed(paths: readonly string[]): Promise<void> {
    this.#take(paths);
    await this.#sending;
    await this.#attempt(async () => this.#delivery.settled());
    if (this.#hasPublished) await this.#attempt(async () => this.#port.flush());
    this.#hasPublished = false;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure as Error;
  }

  #take(paths: readonly string[]): void {
    for (const path of paths) {
      const entries = this.#buffer.take(path);
      if (entries.length === 0) continue;
      this.#refresh();
      this.#sending = this.#sending.then(async () => this.#send(entries));
    }
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const batches = batchesOf(entries);
    if (batches.length > 0) await this.#attempt(async () => this.#delivery.send(batches, Date.now()));
    await this.#attempt(async () => this.#publish(entries.filter(({ route }) => route.topic !== undefined)));
    for (const { line } of entries) this.#heldBytes -= line.length;
  }

  /** Records for subscribers, in their order; those of one topic and stream behind the names of their columns. */
  async #publish(entries: readonly Entry[]): Promise<void> {
    const groups = Map.groupBy(entries, ({ stream, route }) => `${stream} ${route.topic}`);
    for (const group of groups.values()) {
      const { stream, path, route } = group[0]!;
      const columns = [...new Set(group.flatMap(({ record }) => Object.keys(record)))];
      const events = [
        logCreate(stream, path, columns),
        ...group.map(({ record }) => logWrite(stream, path, valuesOf(record, columns))),
      ];
      this.#unpublished += group.length;
      this.#hasPublished = true;
      for (const { name, args } of events) this.#port.publish(route.topic!, name, args);
      this.#unpublished -= group.length;
    }
  }

  /** What cannot be sent is lost, and `flush` says so. */
  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #greeted(welcome: Welcome): void {
    const { logging, loggers } = welcome;
    this.#welcome = welcome;
    if (!isSame(logging, this.#routes.logging)) this.#routes = new LogRoutes(logging, loggers.length > 0);
    this.#watch();
    this.#refresh();
  }

  /** Asks who is there, where that decides who is in the rotation. */
  #watch(): void {
    const isNeeded = this.#streams.size > 0 && this.#routes.logging.nodes.some(({ isRemote }) => isRemote);
    if (isNeeded) this.#port.sendMember({ type: "watch", known: this.#views.id });
  }

  #heard(frame: MemberAnswer): void {
    if (frame.type !== "view") return;
    if (this.#views.take(frame) === "gap") this.#watch();
    this.#refresh();
  }

  /** A remote logger is alive when Membership says so; one at the edge when it answers, or when none does. */
  #refresh(): void {
    const { takers } = this.#delivery;
    const enabled = this.#welcome?.loggers.filter((logger) => logger.enabled).map(({ name }) => name) ?? [];
    const inStep = new Set(takers.length > 0 ? takers : enabled);
    this.#routes.setAlive(({ name, isRemote }) =>
      isRemote ? this.#views.members.has(name) : inStep.has(name),
    );
  }
}

/** Lines for the loggers: a batch for each that is wanted. */
function batchesOf(entries: readonly Entry[]): readonly LogLines[] {
  const groups = Map.groupBy(entries, ({ route }) => route.logger);
  groups.delete(undefined);
  return [...groups].map(([logger, group]) => ({
    stream: group[0]!.path,
    lines: group.map(({ line }) => line),
    logger: logger === ANY_LOGGER ? undefined : logger,
  }));
}

function valuesOf(record: LogRecord, columns: readonly string[]): readonly Value[] {
  return columns.map((column) => (column in record ? toValue(record[column]) : none()));
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
