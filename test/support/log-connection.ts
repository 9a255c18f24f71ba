/** What log streams and raw writes need of a client, over loggers in memory: the engines that the fabric runs. */
import { NO_LOGGERS, type Logging } from "../../src/cluster/log-routes.ts";
import { Logger, NO_OVERRIDE } from "../../src/logs/logger.ts";
import type { Frame, FrameOf, LogBatchFrame } from "../../src/protocol/frame.ts";
import type { ClientEvents } from "../../src/sdk/client-events.ts";
import type { ClientStatus } from "../../src/sdk/connector.ts";
import { Handlers } from "../../src/sdk/handlers.ts";
import type { FilePort } from "../../src/sdk/file-writes.ts";
import type { LogPort } from "../../src/sdk/log-streams.ts";
import type { Argument } from "../../src/sdk/values.ts";
import type { Welcome } from "../../src/sdk/welcome.ts";

export class LogConnection implements LogPort, FilePort {
  status: ClientStatus = "waiting";
  /** The loggers' clock. */
  nowMs = Date.now();
  /** Batches that were taken, in order. */
  readonly taken: LogBatchFrame[] = [];
  readonly published: {
    readonly topic: string;
    readonly name: string;
    readonly args: readonly Argument[];
  }[] = [];
  /** Refuses a batch in the name of the session: the code, or undefined. */
  refuses: (frame: LogBatchFrame) => string | undefined = () => undefined;
  readonly welcome: Welcome;
  readonly #handlers = new Handlers<ClientEvents>();
  readonly #loggers: ReadonlyMap<string, Logger<"client">>;

  constructor(loggers: readonly string[], logging: Logging = NO_LOGGERS) {
    const infos = loggers.map((name) => ({ name, enabled: true }));
    this.welcome = { endpoint: "e", server: "", loggers: infos, logging, publisher: undefined };
    const state = { batches: [], plans: [], marks: [], lastId: 0, override: NO_OVERRIDE };
    this.#loggers = new Map(infos.map((info) => [info.name, new Logger<"client">(info, state)]));
  }

  /** The connection stands. */
  open(): this {
    this.status = "open";
    this.#handlers.emit("welcome", this.welcome);
    return this;
  }

  /** It is gone for now. */
  lose(): void {
    this.status = "waiting";
    this.emit("lost", 0);
  }

  /** It has ended for good. */
  end(): void {
    this.status = "closed";
    this.emit("close", undefined);
  }

  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void {
    return this.#handlers.on(type, handler);
  }

  emit<K extends keyof ClientEvents>(type: K, value: ClientEvents[K]): void {
    this.#handlers.emit(type, value);
  }

  sendLog(frame: LogBatchFrame): boolean {
    return this.#send(frame);
  }

  resumeLog(request: Omit<FrameOf<"logResume">, "type">): boolean {
    return this.#send({ ...request, type: "logResume" });
  }

  sendMember(): boolean {
    return this.status === "open";
  }

  publish(topic: string, name: string, args: readonly Argument[]): void {
    this.published.push({ topic, name, args });
  }

  async publishAcked(topic: string, name: string, args: readonly Argument[]): Promise<void> {
    this.publish(topic, name, args);
  }

  async flush(): Promise<void> {}

  #send(frame: LogBatchFrame | FrameOf<"logResume">): boolean {
    if (this.status !== "open") return false;
    setImmediate(() => this.#answer(frame));
    return true;
  }

  #answer(frame: LogBatchFrame | FrameOf<"logResume">): void {
    const code = frame.type === "logBatch" ? this.refuses(frame) : undefined;
    if (frame.type === "logBatch" && code !== undefined) {
      const { logger, writer, number } = frame;
      this.emit("logRefused", {
        type: "logRefused",
        logger,
        writer,
        number,
        code,
        message: "no",
        last: undefined,
      });
      return;
    }
    const input = { type: "frame", from: "client", frame } as const;
    const { commit, replies } = this.#loggers.get(frame.logger)!.turn([input], this.nowMs);
    if (frame.type === "logBatch" && commit.batches.length > 0) this.taken.push(frame);
    for (const reply of replies) this.#tell(reply.frame);
  }

  #tell(frame: Frame): void {
    if (frame.type === "logAck") this.emit("logAck", frame);
    if (frame.type === "logRefused") this.emit("logRefused", frame);
  }
}
