/** An event of this interface: a name, a time and arguments, owned by who made it until it is raised or deleted. */
import { FabricError } from "../../base/errors.ts";
import type { TimestampValue, Value, ValueType } from "../../data/value.ts";
import type { EventMetadata, FabricEvent } from "../../protocol/event.ts";

/** Metadata of Zeek: the network timestamp. */
const TIME_ID = 1n;

export class BroEvent {
  readonly name: string;
  /** Undefined for an event of a peer that told none. */
  readonly time: TimestampValue | undefined;
  readonly args: readonly Value[];
  /** @internal Where an answer is awaited. */
  readonly replyTo: string | undefined;
  #isOwned = true;

  constructor(name: string, time: TimestampValue | undefined, args: readonly Value[], replyTo?: string) {
    this.name = name;
    this.time = time;
    this.args = args;
    this.replyTo = replyTo;
  }

  /** The types of its arguments. */
  get types(): readonly ValueType[] {
    return this.args.map(({ type }) => type);
  }

  /** Releases it; saying so twice changes nothing. */
  delete(): void {
    this.#isOwned = false;
  }

  /** @internal Takes it over. Throws `invalid_data` when it was raised or deleted before. */
  take(): void {
    if (!this.#isOwned) throw new FabricError("invalid_data", `the event ${this.name} was raised or deleted`);
    this.#isOwned = false;
  }

  /** @internal As it travels. */
  toWire(more: readonly EventMetadata[] = []): FabricEvent {
    const time = this.time === undefined ? [] : [{ id: TIME_ID, value: this.time }];
    return { name: this.name, args: this.args, metadata: [...time, ...more] };
  }
}

/** The time in metadata, if any. */
export function timeOf(metadata: readonly EventMetadata[]): TimestampValue | undefined {
  const value = metadata.find(({ id }) => id === TIME_ID)?.value;
  return value?.type === "timestamp" ? value : undefined;
}
