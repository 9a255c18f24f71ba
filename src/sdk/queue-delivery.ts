/**
 * Batches of one writer on their way to the loggers, one after the other, in memory (src/logs/log-queue.ts). What is not
 * acknowledged when the process dies is lost.
 */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { LogQueue, type LogLines } from "../logs/log-queue.ts";
import type { Frame } from "../protocol/frame.ts";
import type { LogConnection } from "./log-delivery.ts";
import { randomId } from "./random-id.ts";

/** Refusals of a batch itself: sending it again, to whomever, cannot mend them. */
const FINAL = new Set(["forbidden", "invalid_data", "invalid_batch", "too_large"]);

interface Waiter {
  readonly lines: LogLines;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const newLife = () => ({ writer: randomId(), birthMs: Date.now() });
const newQueue = (loggers: readonly string[]) =>
  new LogQueue(loggers, { life: newLife(), lasts: new Map(), batches: [] });

export class QueueDelivery {
  readonly #connection: LogConnection;
  readonly #loggers: readonly string[];
  #queue: LogQueue;
  readonly #offs: readonly (() => void)[];
  /** For each batch of the queue, in its order. */
  #waiters: Waiter[] = [];
  /** Whether what is first in the queue is under way on this connection. */
  #isSent = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** @param loggers In the order of preference; at least one. */
  constructor(connection: LogConnection, loggers: readonly string[]) {
    this.#connection = connection;
    this.#loggers = loggers;
    this.#queue = newQueue(loggers);
    this.#offs = [
      connection.on("logAck", (frame) => this.#answered(frame)),
      connection.on("logRefused", (frame) => this.#answered(frame)),
      connection.on("welcome", () => this.#send(true)),
    ];
  }

  /** Resolves when the batch is in a logger's storage. Rejects with the code of a refusal that nothing can mend. */
  async add(lines: LogLines): Promise<void> {
    const taken = new Promise<void>((resolve, reject) => this.#waiters.push({ lines, resolve, reject }));
    this.#queue.add(lines);
    this.#send(false);
    await taken;
  }

  /** Everything that waits rejects with the error. */
  end(error: Error): void {
    clearTimeout(this.#retry);
    for (const off of this.#offs) off();
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  #send(isAgain: boolean): void {
    if (isAgain) this.#isSent = false;
    const frame = this.#isSent ? undefined : this.#queue.next();
    if (frame?.type === "logBatch") this.#isSent = this.#connection.sendLog(frame);
    else if (frame !== undefined) this.#isSent = this.#connection.resumeLog(frame);
  }

  #answered(frame: Frame): void {
    if (!this.#queue.isAnswer(frame)) return;
    if (frame.type === "logRefused" && FINAL.has(frame.code)) return this.#drop(frame);
    const before = this.#queue.length;
    this.#queue.answered(frame, newLife());
    clearTimeout(this.#retry);
    for (let taken = before - this.#queue.length; taken > 0; taken--) this.#waiters.shift()?.resolve();
    const waits = frame.type === "logRefused" && this.#queue.length > 0;
    if (waits) this.#retry = setTimeout(() => this.#send(true), LIMITS.shipRetryMs);
    else this.#send(true);
  }

  /** The first batch goes nowhere. Those behind it were never sent: they begin a new life. */
  #drop({ code, message }: { readonly code: string; readonly message: string }): void {
    const [first, ...others] = this.#waiters;
    this.#waiters = others;
    this.#queue = newQueue(this.#loggers);
    for (const { lines } of others) this.#queue.add(lines);
    first?.reject(new FabricError(isErrorCode(code) ? code : "unavailable", message));
    this.#send(true);
  }
}
