/**
 * Log streams and remote logging. A record is an event (log-events.ts) under the topic that `logTopic` says; the columns
 * of its stream go ahead of it, and again to whoever asks for the topic later. Source: Zeek's logging framework, spec/cluster.md §9; the batches of Broker are the fabric's frames.
 */
import { FabricError } from "../base/errors.ts";
import { logPath, type LogTopic } from "../cluster/log-topic.ts";
import { defaultLogTopic, type TopicNames } from "../cluster/topic-names.ts";
import { none, type Value } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { isMatch, parseTopic, type Prefix } from "../protocol/topic.ts";
import { toValue, type Argument } from "../sdk/values.ts";
import { EventHandlers, type EndpointEvent } from "./event-handlers.ts";
import { isLogEvent, logCreate, logWrite, parseLogEvent } from "./log-events.ts";

export type { LogTopic };

const ANY = "";

export interface LogStreamOptions {
  /** Names of the columns, in order. */
  readonly columns: readonly string[];
  /** Zeek's `$path`: by default the module of the id in lower case. */
  readonly path?: string | undefined;
  /** Zeek's `$ev`: the event that each record raises, only where it is written. */
  readonly event?: ((record: LogRecord) => void) | undefined;
  /** Zeek's `enable_remote_logging` for this stream. */
  readonly remote?: boolean | undefined;
}

export interface LogRecord {
  /** Id of the stream, e.g. `Conn::LOG`. */
  readonly stream: string;
  readonly path: string;
  /** Empty while the stream's columns are not known here. */
  readonly columns: readonly string[];
  readonly values: readonly Value[];
  /** Whether a peer wrote it. */
  readonly isRemote: boolean;
  /** Under which it came; empty when it was written here. */
  readonly topic: string;
}

interface Stream {
  readonly columns: readonly string[];
  readonly path: string;
  readonly event: ((record: LogRecord) => void) | undefined;
  isRemote: boolean;
  /** Topics that its records went to. */
  readonly topics: Set<string>;
}

export interface LogStreamsOptions {
  readonly topicNames: TopicNames;
  readonly logTopic: LogTopic | undefined;
  /** Whether records go to peers. */
  readonly isRemote: boolean;
  readonly publish: (topic: string, event: FabricEvent) => void;
}

export class LogStreams {
  readonly #options: LogStreamsOptions;
  readonly #streams = new Map<string, Stream>();
  /** Columns of the streams of peers. */
  readonly #remoteColumns = new Map<string, readonly string[]>();
  readonly #handlers = new EventHandlers<LogRecord>();
  #topicOf: LogTopic;

  constructor(options: LogStreamsOptions) {
    this.#options = options;
    this.#topicOf = options.logTopic ?? ((stream) => defaultLogTopic(options.topicNames, stream));
  }

  /** Makes a stream, e.g. `Test::LOG`. Throws `invalid_data` when it exists. */
  create(stream: string, options: LogStreamOptions): void {
    if (this.#streams.has(stream)) throw new FabricError("invalid_data", `the log stream ${stream} exists`);
    const { columns, event } = options;
    const path = options.path ?? logPath(stream);
    const isRemote = options.remote ?? this.#options.isRemote;
    this.#streams.set(stream, { columns, path, event, isRemote, topics: new Set() });
  }

  /** Zeek's `Log::enable_remote_logging`. False when there is no such stream. */
  enableRemote(stream: string): boolean {
    return this.#setRemote(stream, true);
  }

  /** Zeek's `Log::disable_remote_logging`. */
  disableRemote(stream: string): boolean {
    return this.#setRemote(stream, false);
  }

  /** Zeek's `Broker::log_topic`, which may be redefined. */
  set logTopic(topicOf: LogTopic) {
    this.#topicOf = topicOf;
  }

  /** Called for records that are written here, and for those of peers under topics that are subscribed to. */
  on(handler: (record: LogRecord) => void): () => void {
    return this.#handlers.on(ANY, handler);
  }

  /**
   * Writes a record; columns that it leaves out are not set. Throws `not_found` for a stream, and `invalid_data` for a
   * column, that there is not.
   */
  write(stream: string, record: Readonly<Record<string, Argument>>): void {
    const found = this.#streams.get(stream);
    if (found === undefined) throw new FabricError("not_found", `there is no log stream ${stream}`);
    const { columns, path, event } = found;
    const unknown = Object.keys(record).find((column) => !columns.includes(column));
    if (unknown !== undefined) throw new FabricError("invalid_data", `${stream} has no column '${unknown}'`);
    const values = columns.map((column) => (column in record ? toValue(record[column]) : none()));
    const written: LogRecord = { stream, path, columns, values, isRemote: false, topic: "" };
    event?.(written);
    this.#handlers.call(ANY, written);
    if (found.isRemote) this.#send(stream, found, values);
  }

  /** @internal Peers have asked for prefixes: tells them the streams whose records they will get. */
  announce(prefixes: readonly Prefix[]): void {
    for (const [id, stream] of this.#streams) {
      for (const topic of stream.topics) {
        if (prefixes.some((prefix) => isMatch(prefix, parseTopic(topic)))) this.#announce(id, stream, topic);
      }
    }
  }

  /** @internal Whether the event belongs to remote logging. */
  take(event: EndpointEvent): boolean {
    if (!isLogEvent(event.name)) return false;
    const log = parseLogEvent(event);
    if (log?.type === "create") this.#remoteColumns.set(log.stream, log.columns);
    if (log?.type === "write") {
      const { stream, path, values } = log;
      const columns = this.#remoteColumns.get(stream) ?? this.#streams.get(stream)?.columns ?? [];
      this.#handlers.call(ANY, { stream, path, columns, values, isRemote: true, topic: event.topic });
    }
    return true;
  }

  #setRemote(stream: string, isRemote: boolean): boolean {
    const found = this.#streams.get(stream);
    if (found !== undefined) found.isRemote = isRemote;
    return found !== undefined;
  }

  #send(id: string, stream: Stream, values: readonly Value[]): void {
    const topic = this.#topicOf(id, stream.path);
    if (!stream.topics.has(topic)) {
      stream.topics.add(topic);
      this.#announce(id, stream, topic);
    }
    this.#options.publish(topic, logWrite(id, stream.path, values));
  }

  #announce(id: string, { path, columns }: Stream, topic: string): void {
    this.#options.publish(topic, logCreate(id, path, columns));
  }
}
