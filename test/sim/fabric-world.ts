/**
 * The world of events: routers, sessions, native and JSON v1 clients on the very engines, with delay, lost connections,
 * crashes between any two effects, sleep and loss of memory. What must hold: each publisher's order at each receiver,
 * no repeat, no own echo, one order for all receivers of a router, and nothing lost in silence (rules 1 to 8, 14).
 */
import { JsonSession } from "../../src/protocol/json-session.ts";
import { NativeSession } from "../../src/protocol/native-session.ts";
import { FULL_GRANT } from "../../src/protocol/access.ts";
import { fromBytes, parsePrefix } from "../../src/protocol/topic.ts";
import { Placement, tableVersion, type Route } from "../../src/routing/placement.ts";
import { Router } from "../../src/routing/router.ts";
import { JsonClient, NativeClient, type Surroundings } from "./fabric/clients.ts";
import { Ledger } from "./fabric/ledger.ts";
import { RouterHost, type MakeRouter } from "./fabric/router-host.ts";
import { SessionHost } from "./fabric/session-host.ts";
import { cutOne, type LinkOptions } from "./kit/link.ts";
import { Violation, World, type WorldOptions } from "./kit/world.ts";

/** The parts of the world; a test replaces one to plant a defect. */
export interface FabricParts {
  readonly makeRouter: MakeRouter;
  /** Whether clients keep the subscriptions that they begin with. */
  readonly isSteady?: boolean;
}

const PARTS: FabricParts = { makeRouter: (...args) => new Router(...args) };
const LAYOUTS = [[""], ["", "a/"], ["", "a/", "a/b/"], ["", "b"]];
/** How long accidents go on, ms of virtual time. */
export const STORM_MS = 20_000;
/** Traffic comes in spells; in between, routers write their checkpoints and may sleep. */
const SPELL_MS: readonly [number, number] = [500, 4_000];
const LULL_MS: readonly [number, number] = [0, 4_000];
const MIB = 1024 * 1024;

/** Runs one seed; every fourth is calm: only delay, sleep and changes. Throws `Violation`. Answers the faults by kind. */
export function runFabricWorld(
  options: WorldOptions,
  parts: FabricParts = PARTS,
): ReadonlyMap<string, number> {
  const fabric = new FabricWorld(new World(options), options.seed % 4 === 0, parts);
  fabric.run();
  return fabric.world.faults;
}

class FabricWorld implements Surroundings {
  readonly world: World;
  readonly isCalm: boolean;
  readonly ledger: Ledger;
  readonly link: LinkOptions;
  readonly #parts: FabricParts;
  readonly #routes: readonly Route[];
  readonly #placement: Placement;
  readonly #routers = new Map<string, RouterHost>();
  readonly #natives: NativeClient[] = [];
  readonly #jsons: JsonClient[] = [];
  #sessions: SessionHost[] = [];
  #isLull = false;
  #sessionCount = 0;

  constructor(world: World, isCalm: boolean, parts: FabricParts) {
    this.world = world;
    this.isCalm = isCalm;
    this.#parts = parts;
    if (isCalm) world.faultScale = 0;
    const { random } = world;
    this.link = { delayMs: [0, random.pick([1, 20, 60])], lossProbability: 0.002, noticeMsMax: 5_000 };
    const prefixes = random.pick(LAYOUTS);
    this.#routes = prefixes.map((prefix, i) => ({ name: `r${i}`, prefix: parsePrefix(prefix) }));
    this.#placement = new Placement(this.#routes);
    this.ledger = new Ledger((topic) => this.#placement.owner(topic));
    const table = tableVersion(this.#routes);
    for (const { name } of this.#routes) {
      this.#routers.set(name, new RouterHost(world, name, table, this.ledger, parts.makeRouter));
    }
    for (let i = random.between(1, 4); i > 0; i--) this.#natives.push(new NativeClient(this, `n${i}`));
  }

  run(): void {
    const { world } = this;
    for (let i = world.random.between(0, 3); i > 0; i--) this.#addJson();
    let isStorm = true;
    world.after(STORM_MS, () => (isStorm = false));
    this.#repeatedly(
      [5, 300],
      () => isStorm,
      () => this.#traffic(),
    );
    this.#repeatedly(
      [100, 2_500],
      () => isStorm,
      () => this.#accident(),
    );
    this.#spells();
    world.runFor(STORM_MS + 1);
    world.faultScale = 0;
    world.runUntil(() => this.#isSettled(), "all clients are connected and all is acknowledged");
    // What is acknowledged may still be on its way; then all must still work, and a loss at the very end shows.
    world.runFor(10_000);
    this.#natives[0]!.publishEverywhere();
    world.runFor(10_000);
    this.#check();
  }

  nativeSession(): SessionHost {
    return this.#session(
      "n",
      new NativeSession({
        publisherOf: (instance) => instance,
        endpoint: "sim",
        grant: FULL_GRANT,
        placement: this.#placement,
        table: tableVersion(this.#routes),
        welcome: {},
        nowMs: this.world.nowMs,
      }),
    );
  }

  jsonSession(): SessionHost {
    const instance = fromBytes(this.world.random.bytes(16));
    return this.#session(
      "j",
      new JsonSession({
        identity: { instance, connection: 1, table: tableVersion(this.#routes) },
        placement: this.#placement,
        endpoint: "sim",
        version: "0",
        grant: FULL_GRANT,
        reader: { bytesPerSecond: MIB, burstBytes: MIB },
        nowMs: this.world.nowMs,
      }),
    );
  }

  #session(kind: string, engine: JsonSession | NativeSession): SessionHost {
    const name = `s${kind}${++this.#sessionCount}`;
    const session = new SessionHost(this.world, name, this.link, this.#routers, engine);
    this.#sessions = this.#sessions.filter(({ isUp }) => isUp);
    this.#sessions.push(session);
    return session;
  }

  #addJson(): void {
    this.#jsons.push(new JsonClient(this, `j${this.#jsons.length + 1}`));
  }

  #repeatedly(everyMs: readonly [number, number], goesOn: () => boolean, act: () => void): void {
    this.world.after(this.world.random.between(...everyMs), () => {
      if (!goesOn()) return;
      act();
      this.#repeatedly(everyMs, goesOn, act);
    });
  }

  #spells(): void {
    const { world } = this;
    world.after(world.random.between(...(this.#isLull ? LULL_MS : SPELL_MS)), () => {
      this.#isLull = !this.#isLull;
      this.#spells();
    });
  }

  #traffic(): void {
    const { random } = this.world;
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

  #accident(): void {
    const { world } = this;
    const router = world.random.pick([...this.#routers.values()]);
    const here = this.#jsons.filter(({ isHere }) => isHere);
    const kind = world.random.between(0, this.isCalm ? 3 : 8);
    if (kind <= 1) {
      if (router.isIdle) router.sleep();
    } else if (kind === 2) {
      if (here.length < 3) this.#addJson();
    } else if (kind === 3) {
      if (here.length > 0) world.random.pick(here).leave();
    } else if (kind === 4) router.crash();
    else if (kind === 5) {
      if (this.#sessions.length > 0) world.random.pick(this.#sessions).crash();
    } else if (kind === 6) router.loseMemory();
    else cutOne(world, world.random.pick([...this.#routers.values(), ...this.#natives, ...here]));
  }

  #isSettled(): boolean {
    return (
      this.#natives.every(({ isSettled }) => isSettled) &&
      this.#jsons.every(({ isSettled, isWhole }) => isSettled || !isWhole) &&
      [...this.#routers.values()].every(({ isUp }) => isUp)
    );
  }

  #check(): void {
    const whole = new Set<string>(this.#natives.map(({ name }) => name));
    for (const json of this.#jsons) if (json.isWhole) whole.add(json.name);
    for (const { key, publisher, places } of this.ledger.events.values()) {
      if (places.length === 0 && whole.has(publisher)) throw new Violation(`${key} was never sequenced`);
    }
    for (const { receiver } of this.#natives) receiver.checkNothingMissing();
    for (const { receiver, isOpen } of this.#jsons) {
      if (isOpen) receiver.checkNothingMissing();
      else receiver.checkNoHoles();
    }
  }
}
