/**
 * The receiving end of a stream: brings a clone's content to where its master is, in order and without gaps. A
 * message that is missing makes it ask for a new stream from where it stands.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeChanges } from "./change.ts";
import type { CloneContent } from "./clone-content.ts";
import { creditBytes, type StorePosition, type StreamMessage, type ToMaster } from "./message.ts";

export class CloneSync {
  readonly #content: CloneContent;
  /** What the content shows. */
  #position: StorePosition | undefined;
  #stream = 0;
  #nextIndex = 0;
  #epoch = 0;
  /** The last change that is taken, be it shown or staged. */
  #seq = 0;
  #isSynced = false;
  #takenBytes = 0;
  #grantedBytes = 0;

  constructor(content: CloneContent) {
    this.#content = content;
  }

  get position(): StorePosition | undefined {
    return this.#position;
  }

  /** Whether all that the master had done when it last said so is shown. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Asks for a stream from where the content stands; what has come of a snapshot is given up. */
  attach(): ToMaster {
    this.#content.unstage();
    this.#isSynced = false;
    this.#stream++;
    this.#nextIndex = 0;
    this.#takenBytes = 0;
    this.#grantedBytes = LIMITS.storeCreditBytes;
    const { position } = this;
    return { type: "attach", stream: this.#stream, position, grantedBytes: this.#grantedBytes };
  }

  /** There is no master: what comes late does not count. */
  detached(): void {
    this.#content.unstage();
    this.#stream++;
    this.#isSynced = false;
  }

  /** Takes one message of the stream. Gives what is to be said to the master. Throws when it is malformed. */
  receive(stream: number, index: number, message: StreamMessage): ToMaster | undefined {
    if (stream !== this.#stream || index < this.#nextIndex) return undefined;
    if (index > this.#nextIndex) return this.attach();
    this.#nextIndex++;
    this.#take(message);
    this.#takenBytes += creditBytes(message);
    if (this.#grantedBytes - this.#takenBytes > LIMITS.storeCreditBytes / 2) return undefined;
    this.#grantedBytes = this.#takenBytes + LIMITS.storeCreditBytes;
    return { type: "credit", stream, grantedBytes: this.#grantedBytes };
  }

  #take(message: StreamMessage): void {
    switch (message.type) {
      case "attached":
        this.#epoch = message.epoch;
        this.#seq = this.#position?.epoch === message.epoch ? this.#position.seq : 0;
        return;
      case "rows":
        this.#isSynced = false;
        this.#content.stage(message.reset, message.erased, message.rows);
        this.#seq = message.base;
        return;
      case "deltas":
        return this.#deltas(message.batch);
      case "synced":
        this.#content.commit();
        this.#seq = message.seq;
        this.#position = { epoch: this.#epoch, seq: message.seq };
        this.#isSynced = true;
    }
  }

  /** A batch may begin before where the clone stands. */
  #deltas(batch: Uint8Array): void {
    const { first, changes } = decodeChanges(batch);
    if (first > this.#seq + 1) {
      throw new FabricError("invalid_message", `deltas from ${first} on do not follow ${this.#seq}`);
    }
    for (let i = Math.max(0, this.#seq + 1 - first); i < changes.length; i++)
      this.#content.apply(changes[i]!);
    this.#seq = Math.max(this.#seq, first + changes.length - 1);
    if (!this.#content.isStaging) this.#position = { epoch: this.#epoch, seq: this.#seq };
  }
}
