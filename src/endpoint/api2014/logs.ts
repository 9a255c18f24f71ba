/** `bro_log_…`: handles of log streams, and who takes their records. On the wire as all remote logging (log-events.ts). */
import { FabricError } from "../../base/errors.ts";
import type { Value } from "../../data/value.ts";
import type { FabricEvent } from "../../protocol/event.ts";
import { isMatch, parseTopic, type Prefix } from "../../protocol/topic.ts";
import { toValue, type Argument } from "../../sdk/values.ts";
import { logCreate, logWrite, parseLogEvent } from "../log-events.ts";
import { Handled } from "./handled.ts";
import type { Publishing } from "./parts.ts";

/** A log stream, of this node or of a peer. */
export interface Log {
  readonly topic: string;
  readonly id: string;
  readonly writer: string;
}

export type LogCallback = (topic: string, log: Log, values: readonly Value[], cookie: unknown) => void;

export class Logs extends Handled<LogCallback> {
  readonly #options: Publishing;
  readonly #open = new Set<Log>();
  readonly #remote = new Map<string, Log>();

  constructor(options: Publishing) {
    super(options);
    this.#options = options;
  }

  /** Streams that peers have opened. */
  get streams(): readonly Log[] {
    return [...this.#remote.values()];
  }

  /** Undefined with `invalid_topic_key`. */
  open(topic: string, id: string, writer: string): Log | undefined {
    const { error, routes, publish } = this.#options;
    return error.attempt(undefined, () => {
      routes.assertOwn(topic);
      parseTopic(topic);
      const log: Log = { topic, id, writer };
      this.#open.add(log);
      publish(topic, logCreate(id, writer, []));
      return log;
    });
  }

  /** Sends a record. False with `not_found` when the log is closed, and with what values may be wrong with. */
  write(log: Log, values: readonly Argument[]): boolean {
    const { error, publish } = this.#options;
    return error.attempt(false, () => {
      if (!this.#open.has(log)) throw new FabricError("not_found", `the log ${log.id} is closed`);
      publish(log.topic, logWrite(log.id, log.writer, values.map(toValue)));
      return true;
    });
  }

  /** False with `not_found` when it is closed. */
  close(log: Log): boolean {
    return this.#options.error.attempt(false, () => {
      if (!this.#open.delete(log)) throw new FabricError("not_found", `the log ${log.id} is closed`);
      return true;
    });
  }

  /** @internal Somebody has asked for topics: the logs there are told once more. */
  announce(prefixes: readonly Prefix[]): void {
    for (const { topic, id, writer } of this.#open) {
      if (!prefixes.some((prefix) => isMatch(prefix, parseTopic(topic)))) continue;
      this.#options.publish(topic, logCreate(id, writer, []));
    }
  }

  /** @internal */
  take(topic: string, event: FabricEvent): void {
    const entry = parseLogEvent(event);
    if (entry === undefined) return;
    const key = JSON.stringify([topic, entry.stream, entry.path]);
    const log = this.#remote.get(key) ?? { topic, id: entry.stream, writer: entry.path };
    this.#remote.set(key, log);
    if (entry.type === "create") return;
    this.handlers.call(topic, (callback, cookie) => callback(topic, log, entry.values, cookie));
  }
}
