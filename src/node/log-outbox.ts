/**
 * Log records of a process on their way to the loggers: batches of what gathers, numbered, sent again until they are
 * acknowledged (src/logs/log-queue.ts). They are in memory: what is not acknowledged when the process dies is lost.
 */
import { LIMITS } from "../base/limits.ts";
import { LogQueue } from "../logs/log-queue.ts";
import { fromBytes } from "../protocol/topic.ts";
import type { Client } from "../sdk/client.ts";

const INSTANCE_BYTES = 16;
const newLife = () => ({
  writer: fromBytes(crypto.getRandomValues(new Uint8Array(INSTANCE_BYTES))),
  birthMs: Date.now(),
});

export class LogOutbox {
  readonly #client: Client;
  readonly #queue: LogQueue;
  readonly #lines = new Map<string, string[]>();
  readonly #offs: readonly (() => void)[];
  #isPacking = false;
  #isSent = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #idle: (() => void)[] = [];
  /** Records that no logger of the layout takes. */
  dropped = 0;

  constructor(client: Client) {
    this.#client = client;
    const loggers = client.welcome.loggers.filter(({ enabled }) => enabled).map(({ name }) => name);
    this.#queue = new LogQueue(loggers, { life: newLife(), lasts: new Map(), batches: [] });
    this.#offs = [
      client.on("logAck", (frame) => this.#answered(frame)),
      client.on("logRefused", (frame) => this.#answered(frame)),
      client.on("welcome", () => this.#send(true)),
    ];
  }

  /** Adds a line to a stream. */
  add(stream: string, line: string): void {
    if (this.#queue.length >= LIMITS.nodeOutboxMax) return void this.dropped++;
    const lines = this.#lines.get(stream) ?? [];
    lines.push(line);
    this.#lines.set(stream, lines);
    if (!this.#isPacking) void this.#pack();
  }

  /** Resolves when every record is acknowledged, or when there is no logger to do so. */
  async idle(): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    clearTimeout(this.#retry);
    for (const off of this.#offs) off();
  }

  get #isIdle(): boolean {
    return this.#lines.size === 0 && !this.#isPacking && this.#queue.length === 0;
  }

  /** Compressing takes turns of the event loop: what comes meanwhile is the next batch. */
  async #pack(): Promise<void> {
    this.#isPacking = true;
    for (let [next] = this.#lines; next !== undefined; [next] = this.#lines) {
      const [stream, lines] = next;
      this.#lines.delete(stream);
      const text = new Blob(lines.map((line) => `${line}\n`)).stream();
      const gzip = text.pipeThrough(new CompressionStream("gzip"));
      const bytes = new Uint8Array(await new Response(gzip).arrayBuffer());
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const changes = this.#queue.add({ stream, records: lines.length, hash, bytes });
      if (changes.length === 0) this.dropped += lines.length;
      this.#send(false);
    }
    this.#isPacking = false;
    this.#tellIdle();
  }

  #send(isAgain: boolean): void {
    if (isAgain) this.#isSent = false;
    const frame = this.#isSent ? undefined : this.#queue.next();
    if (frame?.type === "logBatch") this.#isSent = this.#client.sendLog(frame);
    else if (frame !== undefined) this.#isSent = this.#client.resumeLog(frame);
  }

  #answered(frame: Parameters<LogQueue["answered"]>[0]): void {
    const before = this.#queue.length;
    this.#queue.answered(frame, newLife());
    clearTimeout(this.#retry);
    const isRefused = frame.type === "logRefused" && this.#queue.length === before;
    if (isRefused) this.#retry = setTimeout(() => this.#send(true), LIMITS.shipRetryMs);
    else this.#send(true);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
