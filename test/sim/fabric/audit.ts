/**
 * The end of a world: a reader that has seen nothing asks for the past. It must get what is kept, all of it, once and
 * in order; what has expired is gone from the front.
 */
import { isKept } from "../../../src/protocol/stream.ts";
import { fromBytes, parsePrefix } from "../../../src/protocol/topic.ts";
import type { ClientEffect } from "../../../src/sdk/client-engine.ts";
import { NativeEngine } from "../../../src/sdk/engine.ts";
import type { History } from "../../../src/sdk/history.ts";
import { connect, type End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation } from "../kit/world.ts";
import { comparePlaces, keyOf, type Place, type Published } from "./ledger.ts";
import type { Surroundings } from "./surroundings.ts";

const WINDOW_BYTES = 64 * 1024;
const AUDIT_MS = 20_000;

/** Asks for everything that is kept, and in the same way for a part of it; compares it with what was sequenced. */
export function auditHistories(around: Surroundings): void {
  const { world, layout, ledger } = around;
  if (layout.release.keptPrefixes.length === 0) return;
  const last = world.random.between(1, 30);
  const all = new Auditor(around, "audit-all", { sinceMs: 0 });
  const some = new Auditor(around, "audit-last", { last });
  const topics = new Auditor(around, "audit-topics", { lastPerTopic: true });
  world.runFor(AUDIT_MS);
  const kept = [...ledger.events.values()].flatMap((event) =>
    event.places.filter(({ isKept }) => isKept).map((place) => ({ event, place })),
  );
  for (const [stream, entries] of Map.groupBy(kept, ({ place }) => place.stream)) {
    // What is under a prefix that is not kept any more went with the deploy.
    if (!layout.release.keptPrefixes.some((prefix) => stream.endsWith(`+${prefix}`))) continue;
    const whole = inOrder(entries);
    const got = all.of(stream);
    assertSame(
      stream,
      "everything",
      got,
      layout.isForGood(stream) ? whole : whole.slice(whole.length - got.length),
    );
    if (!layout.isForGood(stream)) continue;
    assertSame(stream, `the last ${last}`, some.of(stream), whole.slice(-last));
    const lasts = [...Map.groupBy(whole, ({ topic }) => topic).values()].map((one) => one.at(-1)!);
    const inTheirOrder = whole.filter((event) => lasts.includes(event));
    assertSame(stream, "the last of each topic", topics.of(stream), inTheirOrder);
  }
}

const inOrder = (entries: readonly { readonly event: Published; readonly place: Place }[]): Published[] =>
  entries.toSorted((a, b) => comparePlaces(a.place, b.place)).map(({ event }) => event);

function assertSame(
  stream: string,
  what: string,
  got: readonly string[],
  wanted: readonly Published[],
): void {
  const keys = wanted.map(({ key }) => key);
  if (got.join() === keys.join()) return;
  throw new Violation(`history of ${stream}, ${what}: got [${got.join()}], wanted [${keys.join()}]`);
}

/** A client that subscribes to everything with a history. */
class Auditor extends Process {
  readonly #around: Surroundings;
  readonly #engine: NativeEngine;
  readonly #history: History;
  readonly #got = new Map<string, string[]>();
  #end: End | undefined;

  constructor(around: Surroundings, name: string, history: History) {
    super(around.world, name);
    this.#around = around;
    this.#history = history;
    const instance = fromBytes(this.random.bytes(16));
    this.#engine = new NativeEngine({ instance, hello: {}, windowBytes: WINDOW_BYTES, random: () => 0 });
    this.start();
  }

  /** Keys of the events that it got of a stream, in order. */
  of(stream: string): readonly string[] {
    return this.#got.get(stream) ?? [];
  }

  protected override boot(): void {
    this.#engine.subscribe([parsePrefix("")], this.#history);
    this.#engine.start(this.nowMs);
    this.#perform();
  }

  override received(_end: End, message: unknown): void {
    if (message instanceof Uint8Array) this.#engine.received(1, message, this.nowMs);
    this.#perform();
  }

  override closed(): void {
    throw new Violation(`${this.name} lost its connection`);
  }

  #perform(): void {
    for (let all = this.#engine.drain(); all.length > 0; all = this.#engine.drain()) {
      for (const effect of all) this.#do(effect);
    }
  }

  #do(effect: ClientEffect): void {
    if (effect.type === "connect") {
      this.#end = connect(this, this.#around.nativeSession(), this.#around.link);
      this.#engine.connected(effect.connection);
    } else if (effect.type === "send") this.#end?.send(effect.message);
    else if (effect.type === "refused")
      throw new Violation(`${this.name} is refused: ${effect.error.message}`);
    else if (effect.type === "delivery") {
      const { router: stream } = effect.delivery.position;
      const events = effect.runs.flatMap((run) => run.events.map(keyOf));
      if (isKept(stream)) this.#got.set(stream, [...(this.#got.get(stream) ?? []), ...events]);
      if (effect.delivery.release()) this.#engine.taken(this.nowMs);
    }
  }
}
