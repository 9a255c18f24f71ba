/**
 * The layouts of a simulated world, one a release: which router owns which topics, and what is kept for how long. A
 * deploy goes over to the next one. In some worlds topics only move at deploys, in some retention changes too, in some
 * neither: then all routers own what they owned, and only the version of the table is another one.
 */
import { keptStream } from "../../../src/protocol/stream.ts";
import { parsePrefix, type Prefix, type Topic } from "../../../src/protocol/topic.ts";
import type { RetentionPolicy, StoredLog } from "../../../src/routing/kept.ts";
import { policiesOf } from "../../../src/routing/keeper.ts";
import { Placement, type Route } from "../../../src/routing/placement.ts";
import type { Random } from "../kit/random.ts";

const TABLES = [[""], [""], ["", "a/"], ["", "a/", "a/b/"], ["", "b"]];
const KEPT = [[], ["a/"], ["a/", "b"], ["a/", "a/b/"], [""], ["", "b"], ["c"]];
const ROUTERS = ["r0", "r1", "r2"];
const DAY_SECONDS = 86_400;
/** More deploys than a world has. */
const RELEASES = 16;

export interface Table {
  readonly version: string;
  readonly placement: Placement;
}

/** What is deployed. */
export class Release implements Table {
  readonly placement: Placement;
  readonly policies: readonly RetentionPolicy[];
  readonly #streams = new Map<Topic, string>();

  constructor(placement: Placement, policies: readonly RetentionPolicy[]) {
    this.placement = placement;
    this.policies = policies;
  }

  get version(): string {
    return this.placement.version;
  }

  get keptPrefixes(): readonly Prefix[] {
    return this.policies.map(({ prefix }) => prefix);
  }

  /** What a router keeps that has stored this before. */
  policiesOf(router: string, stored: readonly StoredLog[]): readonly RetentionPolicy[] {
    return policiesOf(router, this.placement, this.policies, stored);
  }

  owner(topic: Topic): string {
    return this.placement.owner(topic);
  }

  /** The stream in which a reader that resumes gets a topic. */
  streamOf(topic: Topic): string {
    let stream = this.#streams.get(topic);
    if (stream === undefined) {
      const prefix = this.#policyOf(topic)?.prefix;
      stream = prefix === undefined ? this.owner(topic) : keptStream(this.owner(topic), prefix);
      this.#streams.set(topic, stream);
    }
    return stream;
  }

  /** How long a topic is kept; undefined when it is not. */
  #policyOf(topic: Topic): RetentionPolicy | undefined {
    const matching = this.policies.filter(({ prefix }) => topic.startsWith(prefix));
    return matching.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  }
}

export class Layout {
  /** Names of all routers that some table has. */
  readonly routers: readonly string[];
  readonly #releases: readonly Release[];
  #deploys = 0;

  /** @param count How many releases there are. */
  constructor(random: Random, count = RELEASES) {
    const movesTopics = random.chance(0.5);
    const changesRetention = random.chance(0.3);
    let routes = tableOf(random);
    let policies = policiesFrom(random);
    const former: Route[] = [];
    const releases: Release[] = [];
    for (let i = 0; i < count; i++) {
      // A prefix that nobody uses: no table is as one before.
      const spare = i === 0 ? [] : [{ name: "spare", prefix: parsePrefix(`spare/${i}/`) }];
      const placement = new Placement([...routes, ...spare], former.slice());
      releases.push(new Release(placement, policies));
      if (movesTopics) {
        for (const row of routes) if (!former.some((old) => isSame(old, row))) former.push(row);
        routes = tableOf(random, ROUTERS);
      }
      if (changesRetention) policies = random.chance(0.5) ? policiesFrom(random) : policies.map(otherBounds);
    }
    this.#releases = releases;
    this.routers = [
      ...new Set(releases.flatMap(({ placement }) => placement.routes.map(({ name }) => name))),
    ];

    function otherBounds({ prefix }: RetentionPolicy): RetentionPolicy {
      return { prefix, ...bounds(random) };
    }
  }

  /** What is deployed now; and what was before the last deploy. */
  get release(): Release {
    return this.#releases[this.#deploys]!;
  }

  get oldRelease(): Release {
    return this.#releases[Math.max(0, this.#deploys - 1)]!;
  }

  /** The table of now. */
  get table(): Table {
    return this.release;
  }

  get mayDeploy(): boolean {
    return this.#deploys < this.#releases.length - 1;
  }

  /** Goes over to the next release. */
  deploy(): void {
    this.#deploys++;
  }

  /** Whether two streams of a router are ones in which it has had a topic: what is kept may change. */
  areSame(a: string, b: string, topic: Topic, router: string): boolean {
    if (a === b) return true;
    const streams = this.#soFar.flatMap(({ policies }) => [
      router,
      ...policies
        .filter(({ prefix }) => topic.startsWith(prefix))
        .map(({ prefix }) => keptStream(router, prefix)),
    ]);
    return streams.includes(a) && streams.includes(b);
  }

  /** Whether nothing of the stream expires, or expired, while a world lasts. */
  isForGood(stream: string): boolean {
    const at = stream.indexOf("+");
    if (at < 0) return false;
    return this.#soFar.every(({ policies }) => {
      const policy = policies.find(({ prefix }) => prefix === stream.slice(at + 1));
      return policy !== undefined && policy.seconds >= DAY_SECONDS;
    });
  }

  get #soFar(): readonly Release[] {
    return this.#releases.slice(0, this.#deploys + 1);
  }
}

/** The rows of a table; its routers are in order unless they are drawn from `names`. */
function tableOf(random: Random, names?: readonly string[]): Route[] {
  const left = [...(names ?? [])];
  return random.pick(TABLES).map((prefix, i) => {
    const name = names === undefined ? `r${i}` : left.splice(random.between(0, left.length - 1), 1)[0]!;
    return { name, prefix: parsePrefix(prefix) };
  });
}

const isSame = (a: Route, b: Route): boolean => a.name === b.name && a.prefix === b.prefix;

const policiesFrom = (random: Random): RetentionPolicy[] =>
  random.pick(KEPT).map((prefix) => ({ prefix: parsePrefix(prefix), ...bounds(random) }));

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
