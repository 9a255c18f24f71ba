/** Publishers of numbered events at a steady rate, and what readers got of them. */
import { count, type CountValue } from "../../src/data/value.ts";
import type { FabricEvent } from "../../src/protocol/event.ts";
import { connect, type Client } from "../../src/sdk/index.ts";

const TICK_MS = 5;
const PUBLISHERS = 2;

/** An event's publisher, and its number of that publisher: 1, 2, 3, … */
export type Numbered = readonly [publisher: number, number: number];

/** What a numbered event says. */
export function numberedOf({ args }: FabricEvent): Numbered {
  return [Number((args[0] as CountValue).value), Number((args[1] as CountValue).value)];
}

export class NumberedLoad {
  readonly #topic: string;
  readonly #clients: readonly Client[];
  readonly #numbers = Array.from({ length: PUBLISHERS }, () => 0);
  #timer: NodeJS.Timeout | undefined;

  private constructor(topic: string, clients: readonly Client[]) {
    this.#topic = topic;
    this.#clients = clients;
  }

  /** Connects the publishers. */
  static async open(url: string, topic: string): Promise<NumberedLoad> {
    const clients = await Promise.all(Array.from({ length: PUBLISHERS }, () => connect(url)));
    return new NumberedLoad(topic, clients);
  }

  /** Events published so far. */
  get published(): number {
    return this.#numbers.reduce((sum, n) => sum + n, 0);
  }

  /** How many each publisher has published. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Publishes from now on; a late timer is made up for. */
  start(eventsPerSecond: number): void {
    const startMs = performance.now();
    const before = this.published;
    this.#timer = setInterval(() => {
      const due = before + Math.floor(((performance.now() - startMs) * eventsPerSecond) / 1_000);
      while (this.published < due) this.#publish(this.published % PUBLISHERS);
    }, TICK_MS);
  }

  /** Ends the load; resolves when the fabric has acknowledged all of it. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#clients.map((client) => client.flush()));
  }

  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.abort();
  }

  #publish(publisher: number): void {
    const number = ++this.#numbers[publisher]!;
    this.#clients[publisher]!.publish(this.#topic, "Load::numbered", [count(publisher), count(number)]);
  }
}

/** The numbers of each publisher, in the order in which they came. */
export function byPublisher(events: Iterable<FabricEvent>): number[][] {
  const out = Array.from({ length: PUBLISHERS }, (): number[] => []);
  for (const event of events) {
    const [publisher, number] = numberedOf(event);
    out[publisher]!.push(number);
  }
  return out;
}

/** The first place where numbers do not rise by one; undefined where they always do. Cheaper than a comparison of lists. */
export function firstBreak(numbers: readonly number[], first = 1): string | undefined {
  const at = numbers.findIndex((n, i) => n !== first + i);
  return at < 0 ? undefined : `${numbers[at]} stands in the place of ${first + at}`;
}
