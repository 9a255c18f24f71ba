/**
 * The engine of a StoreMaster: carries out the commands of all clients in one order, tells their results, and sends
 * what changed to all clones. Sans-I/O: `receive` gathers, `turn` works on all of it in one commit of its backend and
 * answers with what is to be sent once that commit stands. Rules 1 and 23 to 30.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { StoreBackend } from "./backend.ts";
import { ClientMark } from "./client-mark.ts";
import { CloneStream } from "./clone-stream.ts";
import type { CommandResult, StoreCommand } from "./command.ts";
import { answer, execute } from "./execute.ts";
import type { NumberedResult, StoreEffect, StorePosition, ToClient, ToMaster } from "./message.ts";
import { StoreCommit, type CommitOptions } from "./store-commit.ts";
import { StoreTrunks, type OpenTrunk, type StoreTrunk } from "./store-trunks.ts";

export interface StoreOptions extends CommitOptions {
  /** Counts and integers wrap at 64 bits, as in Broker, instead of being refused. */
  readonly wrap: boolean;
}

type Input =
  | { readonly type: "message"; readonly trunk: string; readonly message: ToMaster }
  | { readonly type: "closed"; readonly trunk: string };

/** Marks are looked through for old ones each time that so many clients have come. */
const FORGET_EVERY = 64;

export class StoreMaster {
  readonly #options: StoreOptions;
  readonly #backend: StoreBackend;
  readonly #store: StoreCommit;
  readonly #trunks = new StoreTrunks();
  #inbox: Input[] = [];
  #effects: StoreEffect[] = [];
  /** Of this turn. */
  readonly #marked = new Map<InstanceId, ClientMark>();
  readonly #results = new Map<string, NumberedResult[]>();
  #newClients = 0;
  /** Which stream is served first: each turn another one. */
  #firstStream = 0;
  #isStreaming = false;

  /**
   * @param open Trunks whose sockets outlived a sleep: they are told that there is a master, and clones attach again.
   * What a start changes is written with the first `turn`.
   */
  constructor(options: StoreOptions, backend: StoreBackend, open: Iterable<OpenTrunk>, nowMs: number) {
    this.#options = options;
    this.#backend = backend;
    this.#store = new StoreCommit(backend, options, nowMs);
    for (const trunk of open) this.#add(trunk);
  }

  /** Where the store stands. */
  get position(): StorePosition {
    const { epoch, seq } = this.#store.head;
    return { epoch, seq };
  }

  /** Entries, the bytes that they count for, trunks and clones. */
  get stat(): {
    readonly keys: number;
    readonly bytes: number;
    readonly trunks: number;
    readonly clones: number;
  } {
    const { keys, bytes } = this.#store.head;
    const clones = [...this.#trunks].filter(({ stream }) => stream !== undefined).length;
    return { keys, bytes, trunks: this.#trunks.size, clones };
  }

  /**
   * Whether what the last turn said must wait until its commit is durable. It need not in a store whose writes are
   * only accepted, once it is durably noted that a crash may take some back.
   */
  get mustConfirm(): boolean {
    return this.#store.mustConfirm;
  }

  /** When `turn` is due without input, ms; 0: now; undefined: nothing waits. */
  get deadlineMs(): number | undefined {
    const { dueMs } = this.#store;
    return this.#isStreaming ? 0 : dueMs === Infinity ? undefined : dueMs;
  }

  /** Takes one message; it is worked on in the next `turn`. */
  receive(trunk: string, message: ToMaster): void {
    this.#inbox.push({ type: "message", trunk, message });
  }

  /** A trunk is gone: in its turn, after what arrived on it. */
  closed(trunk: string): void {
    this.#inbox.push({ type: "closed", trunk });
  }

  /** Of stores that are not durable at once: all commits up to now are. Written with the next `turn`. */
  settled(): void {
    this.#store.settled();
  }

  /** Works on everything received, in order, as one commit. What it throws must undo that commit and end the master. */
  turn(nowMs: number): readonly StoreEffect[] {
    const inbox = this.#inbox;
    this.#inbox = [];
    this.#store.begin(nowMs);
    this.#store.expireDue();
    for (const input of inbox) {
      if (input.type === "closed") this.#closed(input.trunk);
      else this.#input(input.trunk, input.message);
    }
    this.#commit();
    this.#stream();
    for (const [trunk, results] of this.#results) {
      this.#send(trunk, { type: "results", durable: this.#options.isDurable, results });
    }
    this.#results.clear();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #commit(): void {
    const { clockMs } = this.#store.head;
    if (this.#marked.size > 0) this.#store.touch();
    for (const mark of this.#marked.values()) this.#backend.setMark(mark.stored(clockMs));
    this.#marked.clear();
    if (this.#newClients >= FORGET_EVERY) {
      this.#newClients = 0;
      const touchedMs = this.#backend.forgetMarks(clockMs - LIMITS.storeMarkMs, LIMITS.storeClientsMax);
      if (touchedMs !== undefined) this.#store.forgotten(touchedMs);
    }
    this.#store.commit();
  }

  #input(id: string, message: ToMaster): void {
    try {
      if (message.type === "open") return this.#open(id, message);
      const trunk = this.#trunks.get(id);
      if (trunk === undefined)
        throw new FabricError("invalid_message", "the first message of a trunk must be open");
      switch (message.type) {
        case "commands":
          return this.#commands(trunk, message);
        case "query":
          return this.#send(id, {
            type: "answer",
            id: message.id,
            answer: answer(this.#store, this.#backend, message.query),
          });
        case "attach":
          return this.#attach(trunk, message);
        case "credit":
          if (trunk.stream?.number === message.stream) trunk.stream.grant(message.grantedBytes);
          return;
        case "detach":
          trunk.stream = undefined;
      }
    } catch (error) {
      if (!(error instanceof FabricError) || error.code === "logic_error") throw error;
      this.#refuse(id, error);
    }
  }

  #open(id: string, { instance, connection }: Extract<ToMaster, { type: "open" }>): void {
    if (this.#trunks.get(id) !== undefined) throw new FabricError("invalid_message", "open was said before");
    if (this.#trunks.size >= LIMITS.trunksMax) {
      throw new FabricError("unavailable", `the store has ${LIMITS.trunksMax} trunks, more it does not take`);
    }
    const other = this.#trunks.of(instance);
    if (other !== undefined) {
      const older = other.connection < connection ? other.id : id;
      this.#refuse(older, new FabricError("superseded", "a newer connection of this instance is open"));
      if (older === id) return;
    }
    this.#add({ id, instance, connection });
  }

  #add(trunk: OpenTrunk): void {
    this.#trunks.add({ ...trunk, mark: this.#markOf(trunk.instance), stream: undefined });
    this.#send(trunk.id, { type: "master", ...this.position });
  }

  #markOf(instance: InstanceId): ClientMark {
    const marked = this.#marked.get(instance);
    if (marked !== undefined) return marked;
    const stored = this.#backend.mark(instance);
    if (stored === undefined) this.#newClients++;
    return stored === undefined
      ? new ClientMark(instance, this.#store.head.forgottenMs)
      : ClientMark.from(stored);
  }

  #closed(id: string): void {
    const trunk = this.#trunks.get(id);
    if (trunk !== undefined) this.#trunks.remove(trunk);
  }

  #refuse(id: string, { code, message }: FabricError): void {
    this.#closed(id);
    this.#results.delete(id);
    this.#send(id, { type: "error", code, message });
  }

  #send(trunk: string, message: ToClient): void {
    this.#effects.push({ trunk, message });
  }

  #commands(trunk: StoreTrunk, message: Extract<ToMaster, { type: "commands" }>): void {
    const { first, commands } = message;
    const { mark } = trunk;
    if (message.number < first || message.number + commands.length - first > LIMITS.storeCommandsMax) {
      throw new FabricError("too_many", `${LIMITS.storeCommandsMax} commands may be unanswered`);
    }
    mark.release(first);
    this.#marked.set(mark.instance, mark);
    const isUncertain = this.#mayBeForgotten(mark, message.ageMs);
    for (const [i, command] of commands.entries()) {
      const number = message.number + i;
      if (number > mark.last + 1) return this.#send(trunk.id, { type: "expected", number: mark.last + 1 });
      const result =
        number <= mark.last ? this.#repeat(mark, number) : this.#take(trunk, command, isUncertain);
      this.#result(trunk.id, { ...result, number });
    }
  }

  /** Whether commands of such an age may have been carried out under a mark that was forgotten since (rule 23). */
  #mayBeForgotten(mark: ClientMark, ageMs: number | undefined): boolean {
    if (ageMs === undefined) return false;
    return this.#store.head.clockMs - ageMs - LIMITS.storeTransitMs <= mark.forgottenMs;
  }

  #repeat(mark: ClientMark, number: number): CommandResult {
    return mark.resultOf(number) ?? { code: "unknown", seq: this.#store.head.seq };
  }

  #take(trunk: StoreTrunk, command: StoreCommand, isUncertain: boolean): CommandResult {
    const result: CommandResult = isUncertain
      ? { code: "unknown", seq: this.#store.head.seq }
      : execute(this.#store, command, trunk.instance, this.#options.wrap);
    trunk.mark.take(result);
    return result;
  }

  #result(trunk: string, result: NumberedResult): void {
    const results = this.#results.get(trunk);
    if (results === undefined) this.#results.set(trunk, [result]);
    else results.push(result);
  }

  #attach(trunk: StoreTrunk, message: Extract<ToMaster, { type: "attach" }>): void {
    const { stream, position, grantedBytes } = message;
    // An attach that was overtaken by a later one.
    if (trunk.stream !== undefined && trunk.stream.number >= stream) return;
    trunk.stream = new CloneStream(stream, this.#store, this.#backend, position, grantedBytes);
    this.#send(trunk.id, { type: "stream", stream, ...trunk.stream.attached() });
  }

  /** Serves the clones in turn, each as far as it takes, until all have read as much as one turn may. */
  #stream(): void {
    const trunks = [...this.#trunks].filter(({ stream }) => stream?.isReady === true);
    let readBytes = 0;
    const first = trunks.length === 0 ? 0 : this.#firstStream++ % trunks.length;
    this.#isStreaming = false;
    for (const { id, stream } of [...trunks.slice(first), ...trunks.slice(0, first)]) {
      while (stream!.isReady && readBytes < LIMITS.storeTurnBytes) {
        const next = stream!.next();
        readBytes += next.readBytes;
        this.#send(id, { type: "stream", stream: stream!.number, index: next.index, message: next.message });
      }
      this.#isStreaming ||= stream!.isReady;
    }
  }
}
