/**
 * The commands of one client to one master, in order: numbered when they are first sent, sent again on every new
 * trunk until they are answered. Used with and without a clone (rules 23 and 29).
 */
import { Fifo } from "../base/fifo.ts";
import { LIMITS } from "../base/limits.ts";
import type { CommandResult, StoreCommand } from "./command.ts";
import type { NumberedResult, ToMaster } from "./message.ts";

interface Write {
  readonly id: number;
  readonly command: StoreCommand;
  readonly bytes: number;
}

interface SentWrite extends Write {
  /** When it was sent for the first time, ms. */
  readonly sentMs: number;
  /** On which link. */
  readonly link: number;
}

/** What became of a write. `isSent`: of one without an answer: it may have been carried out. */
export interface WriteResult {
  readonly id: number;
  readonly result: CommandResult;
  readonly isSent: boolean;
}

/** A command takes about this much besides its bytes. */
const COMMAND_BYTES = 48;

function commandBytes(command: StoreCommand): number {
  let bytes = COMMAND_BYTES;
  for (const part of Object.values(command) as readonly unknown[]) {
    if (part instanceof Uint8Array) bytes += part.length;
  }
  return bytes;
}

export class WriteQueue {
  /** By number. */
  readonly #sent = new Map<number, SentWrite>();
  #waiting = new Fifo<Write>();
  #bytes = 0;
  #nextId = 1;
  #nextNumber = 1;
  /** Sent writes from this number on are to be sent again. */
  #againFrom = Infinity;
  #link = 0;

  /** Commands without an answer. */
  get size(): number {
    return this.#sent.size + this.#waiting.size;
  }

  /** Takes a command; its id, or undefined when there is no room. */
  add(command: StoreCommand): number | undefined {
    const bytes = commandBytes(command);
    if (this.#bytes + bytes > LIMITS.storeWritesBytesMax) return undefined;
    this.#bytes += bytes;
    const id = this.#nextId++;
    this.#waiting.push({ id, command, bytes });
    return id;
  }

  /** There is a master, maybe another life of it: what has no answer comes again. */
  linked(): void {
    this.#link++;
    this.#againFrom = 0;
  }

  /** The master has missed what was sent from this number on. */
  expected(number: number): void {
    this.#againFrom = Math.min(this.#againFrom, number);
  }

  /** Takes results. Those that were had before are left out. */
  answered(results: readonly NumberedResult[]): readonly WriteResult[] {
    const fresh: WriteResult[] = [];
    for (const { number, ...result } of results) {
      const write = this.#sent.get(number);
      if (write === undefined) continue;
      this.#sent.delete(number);
      this.#bytes -= write.bytes;
      fresh.push({ id: write.id, result, isSent: true });
    }
    return fresh;
  }

  /** Gives up all commands. What was sent may have been carried out, or may yet be. */
  giveUp(): readonly WriteResult[] {
    const result: CommandResult = { code: "request_timeout", seq: 0 };
    const given = [
      ...[...this.#sent.values()].map(({ id }) => ({ id, result, isSent: true })),
      ...[...this.#waiting].map(({ id }) => ({ id, result, isSent: false })),
    ];
    this.#sent.clear();
    this.#waiting = new Fifo();
    this.#bytes = 0;
    return given;
  }

  /** What is to be sent now. */
  flush(nowMs: number): readonly ToMaster[] {
    const messages: ToMaster[] = [];
    if (this.#againFrom !== Infinity) this.#again(messages, nowMs);
    this.#againFrom = Infinity;
    const first = this.#first;
    const batch: { number: number; write: Write }[] = [];
    while (this.#waiting.size > 0 && this.#nextNumber - first < LIMITS.storeCommandsMax) {
      const write = this.#waiting.shift()!;
      const number = this.#nextNumber++;
      this.#sent.set(number, { ...write, sentMs: nowMs, link: this.#link });
      batch.push({ number, write });
    }
    this.#frames(messages, batch, first, undefined);
    return messages;
  }

  /** The lowest number whose result is still wanted. */
  get #first(): number {
    for (const number of this.#sent.keys()) return number;
    return this.#nextNumber;
  }

  /** What was first sent on an earlier link goes with its age. */
  #again(messages: ToMaster[], nowMs: number): void {
    const first = this.#first;
    const sent = [...this.#sent].filter(([number]) => number >= this.#againFrom);
    const items = sent.map(([number, write]) => ({ number, write }));
    const old = items.filter(({ write }) => write.link !== this.#link);
    const oldestMs = old[0]?.write.sentMs ?? nowMs;
    this.#frames(messages, old, first, Math.max(0, nowMs - oldestMs));
    this.#frames(messages, items.slice(old.length), first, undefined);
  }

  /** Runs of consecutive numbers, in messages of bounded size. */
  #frames(
    messages: ToMaster[],
    items: readonly { readonly number: number; readonly write: Write }[],
    first: number,
    ageMs: number | undefined,
  ): void {
    let commands: StoreCommand[] = [];
    let bytes = 0;
    for (const [i, { number, write }] of items.entries()) {
      commands.push(write.command);
      bytes += write.bytes;
      const isLast = items[i + 1]?.number !== number + 1;
      if (!isLast && bytes < LIMITS.storeBatchBytes) continue;
      messages.push({ type: "commands", first, number: number - commands.length + 1, ageMs, commands });
      commands = [];
      bytes = 0;
    }
  }
}
