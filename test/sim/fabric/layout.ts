/**
 * The layouts of a simulated world: which router owns which topics, and what is kept for how long. A deploy goes over
 * to one whose table has another version: its routers own the same topics, and one more owns a prefix that nobody uses.
 */
import { keptStream } from "../../../src/protocol/stream.ts";
import { parsePrefix, type Topic } from "../../../src/protocol/topic.ts";
import type { RetentionPolicy } from "../../../src/routing/kept.ts";
import { Placement, tableVersion, type Route } from "../../../src/routing/placement.ts";
import type { Random } from "../kit/random.ts";

const TABLES = [[""], [""], ["", "a/"], ["", "a/", "a/b/"], ["", "b"]];
const KEPT = [[], ["a/"], ["a/", "b"], ["a/", "a/b/"], [""], ["", "b"], ["c"]];
const SPARE: Route = { name: "spare", prefix: parsePrefix("spare/") };
const DAY_SECONDS = 86_400;

export interface Table {
  readonly version: string;
  readonly placement: Placement;
}

export class Layout {
  /** Names of all routers that some table has. */
  readonly routers: readonly string[];
  readonly #policies: readonly RetentionPolicy[];
  readonly #tables: readonly Table[];
  readonly #streams = new Map<Topic, string>();
  #deploys = 0;

  constructor(random: Random) {
    const routes = random
      .pick(TABLES)
      .map((prefix, i): Route => ({ name: `r${i}`, prefix: parsePrefix(prefix) }));
    const tables = [routes, [...routes, SPARE]];
    this.routers = [...routes, SPARE].map(({ name }) => name);
    this.#tables = tables.map((t) => ({ version: tableVersion(t), placement: new Placement(t) }));
    this.#policies = random.pick(KEPT).map((prefix) => ({ prefix: parsePrefix(prefix), ...bounds(random) }));
  }

  /** The table of now; and the one before the last deploy. */
  get table(): Table {
    return this.#tables[this.#deploys % 2]!;
  }

  get oldTable(): Table {
    return this.#tables[(this.#deploys + 1) % 2]!;
  }

  /** Goes over to the other table. */
  deploy(): void {
    this.#deploys++;
  }

  get keptPrefixes(): readonly RetentionPolicy["prefix"][] {
    return this.#policies.map(({ prefix }) => prefix);
  }

  /** What a router keeps. */
  policiesOf(router: string): readonly RetentionPolicy[] {
    return this.#policies.filter(({ prefix }) => this.table.placement.span(prefix).includes(router));
  }

  /** How long a topic is kept; undefined when it is not. */
  policyOf(topic: Topic): RetentionPolicy | undefined {
    const matching = this.#policies.filter(({ prefix }) => topic.startsWith(prefix));
    return matching.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  }

  owner(topic: Topic): string {
    return this.table.placement.owner(topic);
  }

  /** The stream in which a reader that resumes gets a topic. */
  streamOf(topic: Topic): string {
    let stream = this.#streams.get(topic);
    if (stream === undefined) {
      const policy = this.policyOf(topic);
      stream = policy === undefined ? this.owner(topic) : keptStream(this.owner(topic), policy.prefix);
      this.#streams.set(topic, stream);
    }
    return stream;
  }

  /** Whether nothing of the topic expires while a world lasts. */
  isKeptForGood(topic: Topic): boolean {
    return (this.policyOf(topic)?.seconds ?? 0) >= DAY_SECONDS;
  }

  /** Whether nothing of the stream expires while a world lasts. */
  isForGood(stream: string): boolean {
    const at = stream.indexOf("+");
    const policy = this.#policies.find(({ prefix }) => at >= 0 && prefix === stream.slice(at + 1));
    return (policy?.seconds ?? 0) >= DAY_SECONDS;
  }
}

/** Half of what is kept is kept for good, the rest expires while the world lasts: by age, by events or by bytes. */
function bounds(random: Random): Omit<RetentionPolicy, "prefix"> {
  const wide = { seconds: 30 * DAY_SECONDS, bytes: 1e9, events: 1e9 };
  if (random.chance(0.5)) return wide;
  const seconds = random.between(1, 20);
  return random.pick([
    { ...wide, seconds },
    { seconds: 3_600, bytes: 1e9, events: random.between(5, 60) },
    { seconds: 3_600, bytes: random.between(500, 5_000), events: 1e9 },
  ]);
}
