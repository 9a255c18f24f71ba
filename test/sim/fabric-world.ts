/**
 * The world of events: routers, sessions, native and JSON v1 clients on the very engines, with delay, lost connections,
 * crashes between any two effects, sleep and loss of memory. What must hold: each publisher's order at each receiver,
 * no repeat, no own echo, one order for all receivers of a router, and nothing lost in silence (rules 1 to 8, 14).
 */
import { JsonSession } from "../../src/protocol/json-session.ts";
import { NativeSession } from "../../src/protocol/native-session.ts";
import { FULL_GRANT } from "../../src/protocol/access.ts";
import { fromBytes } from "../../src/protocol/topic.ts";
import { Router } from "../../src/routing/router.ts";
import { auditHistories } from "./fabric/audit.ts";
import { JsonClient } from "./fabric/json-client.ts";
import { Layout, type Release } from "./fabric/layout.ts";
import { Ledger } from "./fabric/ledger.ts";
import { NativeClient } from "./fabric/native-client.ts";
import { RouterHost, type RouterParts } from "./fabric/router-host.ts";
import { SessionHost } from "./fabric/session-host.ts";
import type { Surroundings } from "./fabric/surroundings.ts";
import { cutOne, type LinkOptions } from "./kit/link.ts";
import type { Random } from "./kit/random.ts";
import type { Process } from "./kit/process.ts";
import { Violation, World, type Tally, type WorldOptions } from "./kit/world.ts";

/** The parts of the world; a test replaces one to plant a defect. */
export interface FabricParts extends RouterParts {
  /** Whether clients keep the subscriptions that they begin with. */
  readonly isSteady?: boolean;
}

const PARTS: FabricParts = { makeRouter: (...args) => new Router(...args) };
/** How long accidents go on at most, ms of virtual time. */
export const STORM_MS = 14_000;
/** Traffic comes in spells; in between, routers write their checkpoints and may sleep. */
const SPELL_MS: readonly [number, number] = [500, 4_000];
const LULL_MS: readonly [number, number] = [0, 4_000];
/** How long after the storm all must be connected and acknowledged, ms: clocks may have jumped by a minute. */
const SETTLE_MS = 300_000;
/**
 * A session or client whose clock steps back tries again that much later, and says that much later what it has consumed;
 * a session whose clock steps forward gives up that much earlier what its client left behind. Routers bear more.
 */
const JUMPS_MS = [-3_000, -300, 300, 3_000];
const ROUTER_JUMPS_MS = [-60_000, ...JUMPS_MS, 60_000];
const ALLOWANCE = { bytesPerSecond: 1 << 20, burstBytes: 1 << 20 };

/** Runs one seed; every fourth is calm: only delay, sleep and changes. Throws `Violation`. */
export function runFabricWorld(options: WorldOptions, parts: FabricParts = PARTS): Tally {
  const fabric = new FabricWorld(new World(options), options.seed % 4 === 0, parts);
  fabric.run();
  return fabric.world;
}

class FabricWorld implements Surroundings {
  readonly world: World;
  readonly isCalm: boolean;
  readonly layout: Layout;
  readonly ledger: Ledger;
  readonly link: LinkOptions;
  readonly #parts: FabricParts;
  readonly #routers = new Map<string, RouterHost>();
  readonly #natives: NativeClient[] = [];
  readonly #jsons: JsonClient[] = [];
  #sessions: SessionHost[] = [];
  #isLull = false;
  /** Whether a deploy is under way: some isolates still have the old table. */
  #isDeploying = false;
  #sessionCount = 0;

  constructor(world: World, isCalm: boolean, parts: FabricParts) {
    this.world = world;
    this.isCalm = isCalm;
    this.#parts = parts;
    if (isCalm) world.faultScale = 0;
    const { random } = world;
    this.link = {
      delayMs: [0, random.pick([1, 20, 60])],
      lossProbability: 0.002,
      stallProbability: 0.002,
      noticeMsMax: 5_000,
    };
    this.layout = new Layout(random, isCalm ? 1 : undefined);
    this.ledger = new Ledger(this.layout);
    for (const name of this.layout.routers) {
      this.#routers.set(name, new RouterHost(world, name, this.layout, this.ledger, parts));
    }
    for (let i = random.between(1, 4); i > 0; i--) this.#natives.push(new NativeClient(this, `n${i}`));
  }

  run(): void {
    const { world } = this;
    for (let i = world.random.between(0, 3); i > 0; i--) this.#addJson();
    let isStorm = true;
    const stormMs = world.random.between(STORM_MS / 7, STORM_MS);
    world.after(stormMs, () => (isStorm = false));
    const goesOn = () => isStorm;
    this.#repeatedly("traffic", [5, 300], goesOn, (random) => this.#traffic(random));
    this.#repeatedly("accident", [100, 2_500], goesOn, (random) => this.#accident(random));
    this.#spells();
    world.runFor(stormMs + 1);
    world.faultScale = 0;
    const what = "all clients are connected and all is acknowledged";
    world.runUntil(() => this.#isSettled(), what, { maxMs: SETTLE_MS });
    // What is acknowledged may still be on its way; then all must still work, and a loss at the very end shows.
    world.runFor(10_000);
    this.#natives[0]!.publishEverywhere();
    world.runFor(10_000);
    this.#check();
  }

  nativeSession(): SessionHost {
    const { placement, version, keptPrefixes } = this.someRelease();
    return this.#session(
      "n",
      new NativeSession({
        publisherOf: (instance) => instance,
        endpoint: "sim",
        grant: FULL_GRANT,
        placement,
        table: version,
        keptPrefixes,
        reader: ALLOWANCE,
        welcome: {},
        nowMs: this.world.nowMs,
      }),
    );
  }

  jsonSession({ placement, version }: Release): SessionHost {
    const instance = fromBytes(this.world.random.bytes(16));
    return this.#session(
      "j",
      new JsonSession({
        identity: { instance, connection: 1, table: version },
        placement,
        endpoint: "sim",
        version: "0",
        grant: FULL_GRANT,
        reader: ALLOWANCE,
        nowMs: this.world.nowMs,
      }),
    );
  }

  someRelease(): Release {
    const { oldRelease, release } = this.layout;
    return this.#isDeploying && this.world.random.chance(0.5) ? oldRelease : release;
  }

  #session(kind: string, engine: JsonSession | NativeSession): SessionHost {
    const name = `s${kind}${++this.#sessionCount}`;
    const session = new SessionHost(this.world, name, this.link, this.#routers, engine);
    this.#sessions = this.#sessions.filter(({ isUp }) => isUp);
    session.isOutdated = this.#isDeploying;
    this.#sessions.push(session);
    return session;
  }

  #addJson(): void {
    this.#jsons.push(new JsonClient(this, `j${this.#jsons.length + 1}`));
  }

  /** Steps have randomness of their own, so that one that is left out changes nothing in the others. */
  #repeatedly(
    what: string,
    everyMs: readonly [number, number],
    goesOn: () => boolean,
    act: (random: Random) => void,
    step = 1,
  ): void {
    this.world.after(this.world.random.between(...everyMs), () => {
      if (!goesOn()) return;
      if (this.world.happens()) act(this.world.randomOf(`${what} ${step}`));
      this.#repeatedly(what, everyMs, goesOn, act, step + 1);
    });
  }

  #spells(): void {
    const { world } = this;
    world.after(world.random.between(...(this.#isLull ? LULL_MS : SPELL_MS)), () => {
      this.#isLull = !this.#isLull;
      this.#spells();
    });
  }

  #traffic(random: Random): void {
    const native = random.pick(this.#natives);
    const isChange = this.#parts.isSteady !== true && random.chance(this.#isLull ? 0.03 : 0.06);
    if (isChange) return random.chance(0.6) ? native.subscribe() : native.unsubscribe();
    if (this.#isLull) return;
    const here = this.#jsons.filter(({ isHere }) => isHere);
    if (here.length > 0 && random.chance(0.4)) {
      for (let i = random.between(1, 3); i > 0; i--) random.pick(here).publish();
      return;
    }
    for (let i = random.between(1, 4); i > 0; i--) native.publish();
  }

  #accident(random: Random): void {
    const { world } = this;
    const router = random.pick([...this.#routers.values()]);
    const native = random.pick(this.#natives);
    const here = this.#jsons.filter(({ isHere }) => isHere);
    const all: readonly Process[] = [...this.#routers.values(), ...this.#natives, ...here, ...this.#sessions];
    const happenings: readonly (() => void)[] = [
      () => router.isIdle && router.sleep(),
      () => router.isIdle && router.sleep(),
      () => here.length < 3 && this.#addJson(),
      () => here.length > 0 && random.pick(here).leave(),
      // From here on only where it is not calm.
      () => router.crash(),
      () => this.#sessions.length > 0 && random.pick(this.#sessions).crash(),
      () => router.loseMemory(),
      () => router.evict(),
      () => cutOne(world, random.pick(all)),
      () => cutOne(world, random.pick(all)),
      () => native.goAway(random.between(500, 15_000)),
      () => native.stopReading(random.between(500, 8_000)),
      () => router.jumpClock(random.pick(ROUTER_JUMPS_MS)),
      () => random.pick([native, ...this.#sessions]).jumpClock(random.pick(JUMPS_MS)),
      () => this.#deploy(),
    ];
    happenings[random.between(0, this.isCalm ? 3 : happenings.length - 1)]!();
  }

  /** A new table of routers: each starts again in its time, and isolates with the old one live on for a while. */
  #deploy(): void {
    if (this.#isDeploying || !this.layout.mayDeploy) return;
    const { world } = this;
    world.count("deploy of another table");
    this.layout.deploy();
    this.#isDeploying = true;
    for (const router of this.#routers.values()) {
      world.after(world.random.between(0, 1_000), () => router.evict("deploy"));
    }
    for (const session of this.#sessions) session.isOutdated = true;
    for (const session of this.#sessions) if (world.random.chance(0.5)) session.crash("deploy");
    world.after(1_500, () => (this.#isDeploying = false));
  }

  #isSettled(): boolean {
    return (
      this.#natives.every(({ isSettled }) => isSettled) &&
      this.#jsons.every(({ isSettled, isWhole }) => isSettled || !isWhole) &&
      [...this.#routers.values()].every(({ isUp }) => isUp)
    );
  }

  /** Ledgers balance, nothing waits when all is quiet, and what was lost is counted (rule 38). */
  #checkLedgers(): void {
    for (const { name, ledgerProblems, ledgerLosses } of this.#routers.values()) {
      if (ledgerProblems.length > 0)
        throw new Violation(`the ledger of ${name}: ${ledgerProblems.join("; ")}`);
      this.world.tally("ledgers: events lost", ledgerLosses);
    }
  }

  #check(): void {
    const whole = new Set<string>(this.#natives.map(({ name }) => name));
    for (const json of this.#jsons) if (json.isWhole) whole.add(json.name);
    for (const { key, publisher, places } of this.ledger.events.values()) {
      if (places.length === 0 && whole.has(publisher)) throw new Violation(`${key} was never sequenced`);
    }
    for (const { receiver } of this.#natives) {
      receiver.checkNothingMissing();
      receiver.checkGapsAreExact();
    }
    this.#checkLedgers();
    auditHistories(this);
    for (const { receiver, isOpen } of this.#jsons) {
      if (isOpen) receiver.checkNothingMissing();
      else receiver.checkNoHoles();
    }
  }
}
