/**
 * The engine of a clone: a copy of a store in memory that follows its master, answers reads by itself and sends
 * writes to the master. Sans-I/O. Without a master it looks for one every resync interval, answers from its copy until
 * the stale interval is over, and keeps writes for the mutation buffer interval, as Bro 2.6 did; unlike there it
 * counts as found only when it has caught up. Source: spec/stores.md §4.2; rules 27 to 29.
 */
import { FabricError, type ErrorCode } from "../base/errors.ts";
import type { Value } from "../data/value.ts";
import type { InstanceId } from "../protocol/frame.ts";
import { CloneContent, type StoreEvent } from "./clone-content.ts";
import { CloneSync } from "./clone-sync.ts";
import type { CommandResult, StoreCode, StoreCommand } from "./command.ts";
import type { StorePosition, ToClient, ToMaster } from "./message.ts";
import { indexed } from "./operation.ts";
import { WriteQueue, type WriteResult } from "./write-queue.ts";

/** Zeek's parameters of `create_clone`. */
export interface CloneOptions {
  /** The publisher id of the client (rule 1): events of its own writes carry it. */
  readonly instance: InstanceId;
  readonly resyncIntervalMs: number;
  /** Null: never stale. */
  readonly staleIntervalMs: number | null;
  /** 0: writes without a master fail at once. */
  readonly mutationBufferIntervalMs: number;
  /** Whether somebody wants the events. */
  readonly isObserved: boolean;
}

/** What a clone wants done, in this order. */
export type CloneEffect =
  | { readonly type: "send"; readonly message: ToMaster }
  | { readonly type: "event"; readonly event: StoreEvent }
  /** `durable`: stored rather than accepted; of a write without an answer false. */
  | {
      readonly type: "result";
      readonly id: number;
      readonly result: CommandResult;
      readonly durable: boolean;
      /** Of `request_timeout`: it may have been carried out all the same. */
      readonly isSent: boolean;
    }
  /** A master is to be looked for: `connected` follows when there is a trunk. */
  | { readonly type: "resync" }
  /** Shows all that the master has done: reads are good from now on. */
  | { readonly type: "synced" }
  /** The trunk is of no use any more: the master has said why. */
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };

/** A result that waits until the clone shows what it is about (rule 28). */
interface HeldResult extends WriteResult {
  readonly durable: boolean;
  readonly epoch: number;
}

export class StoreClone {
  readonly #options: CloneOptions;
  readonly #content: CloneContent;
  readonly #sync: CloneSync;
  readonly #writes = new WriteQueue();
  #held: HeldResult[] = [];
  #effects: CloneEffect[] = [];
  /** Whether the master of the present trunk has spoken, and its epoch. */
  #isLinked = false;
  #epoch = 0;
  #hasTrunk = false;
  /** Since when there has been no master; undefined: there is one. */
  #unlinkedMs: number | undefined;
  /** Since when this clone has not followed its master; undefined: it does. */
  #lostMs: number | undefined;
  #resyncMs: number;
  #isStale = true;
  /** Whether writes without a master are kept. */
  #isBuffering: boolean;

  constructor(options: CloneOptions, nowMs: number) {
    this.#options = options;
    this.#content = new CloneContent(
      options.isObserved ? (event) => this.#effects.push({ type: "event", event }) : undefined,
    );
    this.#sync = new CloneSync(this.#content);
    this.#unlinkedMs = nowMs;
    this.#lostMs = nowMs;
    this.#resyncMs = nowMs;
    this.#isBuffering = options.mutationBufferIntervalMs > 0;
  }

  /** What the clone shows; undefined before the first snapshot. */
  get position(): StorePosition | undefined {
    return this.#sync.position;
  }

  /** Whether reads answer `stale_data`. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** Writes that have no answer yet. */
  get unanswered(): number {
    return this.#writes.size + this.#held.length;
  }

  /** When `turn` is due without input, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    const due = Math.min(this.#hasTrunk ? Infinity : this.#resyncMs, this.#staleMs, this.#bufferMs);
    return due === Infinity ? undefined : due;
  }

  /** The value of a key. Throws `stale_data`. Under a microsecond once the value was read before. */
  get(key: Value): Value | undefined {
    this.#assertFresh();
    return this.#content.get(key);
  }

  /** Whether there is such a key. Throws `stale_data`. */
  exists(key: Value): boolean {
    this.#assertFresh();
    return this.#content.has(key);
  }

  /** What stands at an index of a value, or `no_such_key` or `type_clash`. Throws `stale_data`. */
  getIndex(key: Value, index: Value): Value | StoreCode {
    const value = this.get(key);
    return value === undefined ? "no_such_key" : indexed(value, index);
  }

  /** All keys, in no order. Throws `stale_data`. */
  keys(): Iterable<Value> {
    this.#assertFresh();
    return this.#content.keys();
  }

  /** All entries, in no order. Throws `stale_data`. */
  entries(): Iterable<readonly [Value, Value]> {
    this.#assertFresh();
    return this.#content.entries();
  }

  /** Entries. Throws `stale_data`. */
  get size(): number {
    this.#assertFresh();
    return this.#content.size;
  }

  #assertFresh(): void {
    if (this.#isStale) throw new FabricError("stale_data", "the clone does not follow its master");
  }

  /**
   * Takes a write for the master; its result comes under this id when the clone shows it. Throws `request_timeout`
   * when there is no master and writes are not kept, `too_many` when too much is kept already.
   */
  write(command: StoreCommand): number {
    if (!this.#isLinked && !this.#isBuffering) {
      throw new FabricError("request_timeout", "there is no master, and writes are not kept for it any more");
    }
    const id = this.#writes.add(command);
    if (id === undefined) throw new FabricError("too_many", "too many writes wait for the master");
    return id;
  }

  /** There is a trunk that leads to the master. */
  connected(connection: number): void {
    this.#hasTrunk = true;
    this.#isLinked = false;
    this.#say({ type: "open", instance: this.#options.instance, connection });
  }

  /** The trunk is gone. */
  disconnected(nowMs: number): void {
    this.#hasTrunk = false;
    this.#isLinked = false;
    this.#unlinkedMs ??= nowMs;
    this.#lostMs ??= nowMs;
    this.#resyncMs = nowMs;
    this.#sync.detached();
  }

  /** Takes a message of the master. Throws when it is malformed: the trunk is to be ended. */
  receive(message: ToClient): void {
    switch (message.type) {
      case "master":
        this.#isLinked = true;
        this.#unlinkedMs = undefined;
        this.#isBuffering = this.#options.mutationBufferIntervalMs > 0;
        this.#epoch = message.epoch;
        this.#writes.linked();
        return this.#say(this.#sync.attach());
      case "results":
        return this.#answered(message);
      case "expected":
        return this.#writes.expected(message.number);
      case "stream": {
        const reply = this.#sync.receive(message.stream, message.index, message.message);
        if (reply !== undefined) this.#say(reply);
        return this.#progress();
      }
      case "error":
        this.#effects.push({ type: "failed", code: message.code, message: message.message });
        return;
      case "answer":
        // Clones ask nothing of their master.
        return;
    }
  }

  /** Does what is due and answers with all effects since the last turn. */
  turn(nowMs: number): readonly CloneEffect[] {
    if (!this.#hasTrunk && nowMs >= this.#resyncMs) {
      this.#resyncMs = nowMs + this.#options.resyncIntervalMs;
      this.#effects.push({ type: "resync" });
    }
    if (nowMs >= this.#staleMs) this.#isStale = true;
    if (nowMs >= this.#bufferMs) this.#giveUp();
    if (this.#isLinked) for (const message of this.#writes.flush(nowMs)) this.#say(message);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When reads become stale. */
  get #staleMs(): number {
    const { staleIntervalMs } = this.#options;
    return this.#isStale || staleIntervalMs === null
      ? Infinity
      : (this.#lostMs ?? Infinity) + staleIntervalMs;
  }

  /** When kept writes are given up. */
  get #bufferMs(): number {
    if (!this.#isBuffering && this.#writes.size === 0) return Infinity;
    return (this.#unlinkedMs ?? Infinity) + this.#options.mutationBufferIntervalMs;
  }

  #giveUp(): void {
    this.#isBuffering = false;
    for (const given of this.#writes.giveUp()) {
      this.#effects.push({ type: "result", ...given, durable: false });
    }
  }

  #say(message: ToMaster): void {
    this.#effects.push({ type: "send", message });
  }

  #answered({ durable, results }: Extract<ToClient, { type: "results" }>): void {
    for (const answered of this.#writes.answered(results)) {
      this.#held.push({ ...answered, durable, epoch: this.#epoch });
    }
    this.#release();
  }

  /** Something of the stream was taken. */
  #progress(): void {
    if (this.#sync.isSynced && this.#lostMs !== undefined) {
      this.#lostMs = undefined;
      this.#isStale = false;
      this.#effects.push({ type: "synced" });
    }
    this.#release();
  }

  /** Gives the results whose writes are shown; those of an earlier epoch are, as far as they ever will be. */
  #release(): void {
    const position = this.#sync.position;
    if (position === undefined || this.#held.length === 0) return;
    const isShown = ({ epoch, result }: HeldResult) =>
      epoch < position.epoch || (epoch === position.epoch && result.seq <= position.seq);
    const shown = this.#held.filter(isShown);
    this.#held = this.#held.filter((held) => !isShown(held));
    for (const { id, result, durable, isSent } of shown) {
      this.#effects.push({ type: "result", id, result, durable, isSent });
    }
  }
}
