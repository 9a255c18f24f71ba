/**
 * LogWriter: the object around the engine of src/logs/logger.ts. Trunks bring log batches; a turn takes all that have
 * arrived by the next macrotask, commits them in one transaction and then replies; an alarm flushes to R2. No
 * decisions about batches or objects are made here.
 */
import { DurableObject } from "cloudflare:workers";
import { FabricError } from "../src/base/errors.ts";
import { LIMITS } from "../src/base/limits.ts";
import {
  Logger,
  type LoggerCommit,
  type LoggerInput,
  type LoggerOverride,
  type LoggerTurn,
} from "../src/logs/logger.ts";
import { objectMetadata, type ObjectPlan } from "../src/logs/object-plan.ts";
import { isFileStream, parseBatchStream } from "../src/logs/file-stream.ts";
import { decodeFrame, encodeFrame } from "../src/protocol/frame-codec.ts";
import type { Frame, FrameOf } from "../src/protocol/frame.ts";
import { negotiateVersion } from "../src/protocol/handshake.ts";
import { overrideOf } from "../src/logs/override-option.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import { AlarmQueue } from "./alarm.ts";
import type { ObjectEnv } from "./env.ts";
import { LogReader, type ManifestCursor, type ManifestPage, type StreamUnit } from "./log-reader.ts";
import { LogTables } from "./log-tables.ts";
import { Sockets } from "./sockets.ts";
import { trace } from "./trace.ts";

/** What one LogWriter holds; numbers only. */
export interface LoggerStat {
  readonly logger: string;
  readonly enabled: boolean;
  readonly writers: number;
  /** Batches that R2 does not have for certain, and their bytes of gzip. */
  readonly bufferedBatches: number;
  readonly bufferedBytes: number;
  /** Objects that are planned and not done. */
  readonly plannedObjects: number;
  /** Objects in R2. */
  readonly objects: number;
  readonly objectRecords: number;
  readonly objectBytes: number;
  /** Highest batch number: a snapshot of the logger is everything up to it. */
  readonly lastId: number;
}

interface FlushWaiter {
  readonly keys: Set<string>;
  resolve(pending: number): void;
}

export class LogWriter extends DurableObject<ObjectEnv> {
  readonly #name: string;
  readonly #sockets: Sockets;
  readonly #tables: LogTables;
  readonly #reader: LogReader;
  readonly #logger: Logger<string>;
  readonly #alarm: AlarmQueue<"wake">;
  readonly #waiters = new Set<FlushWaiter>();
  /** Calls of `append` that wait for their turn, by a name like a trunk's. */
  readonly #callers = new Map<string, (frame: Frame) => void>();
  #inbox: LoggerInput<string>[] = [];
  #turnDue = false;

  constructor(ctx: DurableObjectState, env: ObjectEnv) {
    super(ctx, env);
    this.#name = ctx.id.name ?? ctx.id.toString();
    // A logger that the layout does not name gets no new batches from sessions; what is under way may still come.
    const entry = deployedLayout(env.LAYOUT).loggers.find((logger) => logger.name === this.#name);
    this.#sockets = new Sockets(ctx);
    this.#tables = new LogTables(ctx.storage);
    this.#reader = new LogReader(this.#tables);
    this.#logger = new Logger({ name: this.#name, enabled: entry?.enabled ?? true }, this.#tables.load());
    this.#alarm = new AlarmQueue(ctx.storage);
    this.#alarm.set("wake", this.#logger.wakeAtMs);
  }

  /** A trunk: the upgrade of a session's WebSocket. */
  override fetch(request: Request): Response {
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    if (this.#sockets.ids.size >= LIMITS.trunksMax) return new Response(null, { status: 503 });
    return this.#sockets.accept(crypto.randomUUID());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const trunk = this.#sockets.idOf(socket);
    try {
      if (typeof message === "string")
        throw new FabricError("invalid_message", "a trunk carries binary frames");
      this.#receive(trunk, socket, decodeFrame(new Uint8Array(message)));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#sockets.send(trunk, encodeFrame({ type: "error", id: undefined, ...error.toJSON() }));
      this.#sockets.close(trunk, error.close, error.code);
    }
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#inbox.push({ type: "gone", from: this.#sockets.idOf(socket) });
    this.#sockets.closed(socket, code, reason);
    this.#scheduleTurn();
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket, 1011, "error");
  }

  override async alarm(): Promise<void> {
    await this.#alarm.fire(
      Date.now(),
      () => this.#put(this.#turn({ type: "wake" })),
      (error) => trace("logger.alarm_failed", { logger: this.#name, error: String(error) }),
    );
  }

  /** A page of the manifest: objects and buffered batches, of one stream or of all. */
  manifest(stream: string | undefined, from: ManifestCursor | undefined): ManifestPage {
    return this.#reader.manifest(stream, from);
  }

  /**
   * A `logBatch` or `logResume` of another object of the fabric, and its answer, both as bytes. Such a writer has one
   * frame under way at a time. Rejects when the turn fails: then it is not known whether the batch was taken.
   */
  async append(bytes: Uint8Array): Promise<Uint8Array> {
    const frame = decodeFrame(bytes);
    if (frame.type !== "logBatch" && frame.type !== "logResume") {
      throw new FabricError("invalid_message", `a logger does not take ${frame.type} frames`);
    }
    const from = `object:${frame.writer}`;
    return new Promise((resolve) => {
      this.#callers.set(from, (answer) => resolve(encodeFrame(answer)));
      this.#inbox.push({ type: "frame", from, frame });
      this.#scheduleTurn();
    });
  }

  /** The next pieces of a stream (LogReader.read). */
  read(stream: string, after: number, upTo: number): StreamUnit[] {
    return this.#reader.read(stream, after, upTo);
  }

  /**
   * Brings what is buffered, of these streams or without any of all, to R2: in one turn. Resolves to the objects that
   * did not make it in time.
   */
  async flush(streams: readonly string[]): Promise<{ readonly pending: number }> {
    const names = streams.length === 0 ? [undefined] : streams.map(parseBatchStream);
    for (const stream of names) this.#inbox.push({ type: "flush", stream });
    const turn = this.#turn();
    const keys = new Set(names.flatMap((name) => this.#logger.planned(name)));
    const done = this.#whenDone(keys);
    this.ctx.waitUntil(this.#put(turn));
    return { pending: await done };
  }

  /** Takes what operators say at run time. It is durable, and holds for every later frame, when this resolves. */
  setOverride(override: LoggerOverride): void {
    this.ctx.waitUntil(this.#put(this.#turn({ type: "override", override })));
  }

  stat(): LoggerStat {
    const { bytes, batches } = this.#logger.buffered;
    return {
      logger: this.#name,
      enabled: this.#logger.enabled,
      writers: this.#logger.writers,
      bufferedBatches: batches,
      bufferedBytes: bytes,
      plannedObjects: this.#logger.planned().length,
      ...this.#tables.totals(),
      lastId: this.#tables.lastId(),
    };
  }

  #receive(trunk: string, socket: WebSocket, frame: Frame): void {
    if (frame.type === "hello") return this.#greet(trunk, socket, frame);
    if (socket.deserializeAttachment() === null) {
      throw new FabricError("invalid_message", "the first frame of a trunk must be hello");
    }
    switch (frame.type) {
      case "logBatch":
      case "logResume":
        if (frame.logger !== this.#name) throw new FabricError("unknown_logger", `this is ${this.#name}`);
        this.#inbox.push({ type: "frame", from: trunk, frame });
        return this.#scheduleTurn();
      case "ping":
        return this.#sockets.send(trunk, encodeFrame({ type: "pong", id: frame.id }));
      default:
        throw new FabricError("invalid_message", `a logger does not take ${frame.type} frames`);
    }
  }

  #greet(trunk: string, socket: WebSocket, hello: FrameOf<"hello">): void {
    const version = negotiateVersion(hello.versions);
    socket.serializeAttachment({ version });
    // A session may know what the route that made a change could not tell: it died, or this object was out of reach.
    const override = overrideOf(hello.options);
    if (override !== undefined) {
      this.#inbox.push({ type: "override", override });
      this.#scheduleTurn();
    }
    const welcome: Frame = { type: "welcome", version, endpoint: this.#name, options: {} };
    this.#sockets.send(trunk, encodeFrame(welcome));
  }

  #scheduleTurn(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => {
      this.#turnDue = false;
      if (this.#inbox.length > 0) this.ctx.waitUntil(this.#put(this.#turn()));
    });
  }

  /** One turn: commit, then reply. Returns the puts to begin. A throw discards the object's memory (rule 35). */
  #turn(input?: LoggerInput<string>): readonly ObjectPlan[] {
    const inputs = this.#inbox;
    if (input !== undefined) inputs.push(input);
    this.#inbox = [];
    try {
      const turn = this.#logger.turn(inputs, Date.now());
      this.#apply(turn);
      this.#alarm.set("wake", this.#logger.wakeAtMs);
      return turn.puts;
    } catch (error) {
      trace("logger.turn_failed", { logger: this.#name, error: String(error) });
      this.ctx.abort("turn failed");
      throw error;
    }
  }

  #apply({ commit, replies }: LoggerTurn<string>): void {
    if (!isEmpty(commit)) this.ctx.storage.transactionSync(() => this.#tables.apply(commit));
    for (const { to, frame } of replies) {
      const caller = this.#callers.get(to);
      this.#callers.delete(to);
      if (caller === undefined) this.#sockets.send(to, encodeFrame(frame));
      else caller(frame);
    }
    for (const { key } of commit.done) {
      for (const waiter of this.#waiters) {
        if (waiter.keys.delete(key) && waiter.keys.size === 0) waiter.resolve(0);
      }
    }
  }

  /** Puts planned objects, and those that their ends make room for. Never rejects. */
  async #put(plans: readonly ObjectPlan[]): Promise<void> {
    await Promise.all(
      plans.map(async (plan) => {
        const ok = await this.#putOne(plan);
        await this.#put(this.#turn({ type: "put", key: plan.key, ok }));
      }),
    );
  }

  async #putOne(plan: ObjectPlan): Promise<boolean> {
    try {
      const { bytes, hash } = this.#tables.objectBytes(plan);
      await this.env.LOGS.put(plan.key, bytes, {
        sha256: hash,
        httpMetadata: {
          contentType: isFileStream(plan.stream) ? "application/octet-stream" : "application/gzip",
        },
        customMetadata: objectMetadata(plan),
      });
      return true;
    } catch (error) {
      trace("logger.put_failed", { logger: this.#name, key: plan.key, error: String(error) });
      return false;
    }
  }

  async #whenDone(keys: Set<string>): Promise<number> {
    if (keys.size === 0) return 0;
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.resolve(keys.size), LIMITS.logFlushWaitMs);
      const waiter: FlushWaiter = {
        keys,
        resolve: (pending) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(pending);
        },
      };
      this.#waiters.add(waiter);
    });
  }
}

function isEmpty({ expired, batches, marks, plans, done, override }: LoggerCommit): boolean {
  return override === undefined && [expired, batches, marks, plans, done].every((rows) => rows.length === 0);
}
