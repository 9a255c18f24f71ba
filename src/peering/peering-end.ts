/**
 * One end of a peering: a native connection to a fabric or endpoint. What is received there is taken from it by the
 * flow towards the other end; what is published there comes from the flow towards this one. Sans-I/O.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { InstanceId, Position } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";
import { TrunkEnd, type TrunkEvent } from "../protocol/trunk-end.ts";

export interface PeeringEndOptions {
  /** A random identity of this end's life. */
  readonly instance: InstanceId;
  /** Topics under these prefixes go from here to the other end. */
  readonly topics: readonly Prefix[];
  /** Bytes that may be under way from here. */
  readonly windowBytes: number;
  /** Where an earlier life of the peering stood here. */
  readonly positions: readonly Position[];
}

const SUBSCRIPTION_ID = 1;

export class PeeringEnd {
  readonly trunk: TrunkEnd;
  readonly #options: PeeringEndOptions;
  #name: string | undefined;
  #isSubscribed = false;
  #isUp = false;
  #retryAtMs = 0;

  constructor(options: PeeringEndOptions) {
    this.#options = options;
    const { instance, windowBytes } = options;
    const terms = { window: windowBytes, resume: true, encodings: ["json", "cbor"] };
    this.trunk = new TrunkEnd("", { instance, connection: 1, table: "", terms });
  }

  /** How the fabric or endpoint calls itself; undefined before it first answered. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Whether the other side of the connection has answered. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** When the next attempt is due, ms; Infinity while one is under way. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** Begins an attempt when one is due. */
  mayOpen(nowMs: number): boolean {
    if (nowMs < this.#retryAtMs || !this.trunk.open()) return false;
    this.#retryAtMs = Infinity;
    return true;
  }

  /** The connection is gone, or could not be made. */
  lost(nowMs: number): void {
    this.#isUp = false;
    this.#retryAtMs = nowMs + this.trunk.lost();
  }

  /** Takes a frame. Throws FabricError when it is none that a fabric sends. */
  receive(bytes: Uint8Array): readonly TrunkEvent[] {
    const events = this.trunk.receive(bytes);
    for (const event of events) {
      if (event.type === "welcome") this.#welcome(event);
      else if (event.type === "deliver" && this.#name === undefined)
        throw new FabricError("invalid_message", "a fabric says welcome before it delivers");
    }
    return events;
  }

  /** Subscribes, once there is somewhere to carry events to. */
  subscribe(): readonly Uint8Array[] {
    if (this.#isSubscribed || this.#options.topics.length === 0) return [];
    this.#isSubscribed = true;
    const { positions, topics } = this.#options;
    if (positions.length > 0) this.trunk.resumeFrom(positions);
    return this.trunk.subscribe(SUBSCRIPTION_ID, topics);
  }

  #welcome({ endpoint, options }: Extract<TrunkEvent, { type: "welcome" }>): void {
    const { fabric } = options;
    const name = typeof fabric === "string" ? fabric : endpoint;
    if (name.length > LIMITS.fabricNameMax) {
      const message = `a fabric's name has ${name.length} characters, at most ${LIMITS.fabricNameMax} fit a path`;
      throw new FabricError("invalid_data", message);
    }
    if (this.#name !== undefined && this.#name !== name) {
      throw new FabricError("same_fabric", `here was '${this.#name}', and now '${name}' answers`);
    }
    this.#name = name;
    this.#isUp = true;
  }
}
