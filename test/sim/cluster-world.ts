/**
 * The world of the cluster: Membership, sessions in isolates that die, native and JSON v1 nodes with many lives, pools
 * whose events go through routers, operators who change the layout. What must hold: all agree on who is there and are
 * right when it is quiet, nobody who talks is down, nobody who is gone stays up, views come in order, a key has one owner
 * in a view, and no event for a pool is lost in silence (rules 32 and 33).
 */
import { Membership } from "../../src/membership/membership.ts";
import { nodeIdOf } from "../../src/membership/node-id.ts";
import { ViewCopy } from "../../src/membership/view-copy.ts";
import { FULL_GRANT } from "../../src/protocol/access.ts";
import type { InstanceId } from "../../src/protocol/frame.ts";
import { JsonSession } from "../../src/protocol/json-session.ts";
import { NativeSession } from "../../src/protocol/native-session.ts";
import { fromBytes } from "../../src/protocol/topic.ts";
import { Router } from "../../src/routing/router.ts";
import { SessionPools } from "../../src/membership/pool-chooser.ts";
import { Isolate } from "./cluster/isolate.ts";
import { JsonNode } from "./cluster/json-node.ts";
import { LayoutModel, type ModelNode } from "./cluster/layout-model.ts";
import { MembershipHost, type MakeMembership } from "./cluster/membership-host.ts";
import { NativeNode } from "./cluster/native-node.ts";
import { PoolAudit } from "./cluster/pool-audit.ts";
import { PoolLedger } from "./cluster/pool-ledger.ts";
import { ClusterSession } from "./cluster/session-host.ts";
import type { ClusterSurroundings, NodeProcess } from "./cluster/surroundings.ts";
import { ViewAudit, type NodeTruth } from "./cluster/view-audit.ts";
import { Layout as Routes } from "./fabric/layout.ts";
import { RouterHost } from "./fabric/router-host.ts";
import { cutOne, type LinkOptions } from "./kit/link.ts";
import type { Process } from "./kit/process.ts";
import type { Random } from "./kit/random.ts";
import { Violation, World, type Tally, type WorldOptions } from "./kit/world.ts";

/** The parts of the world; a test replaces one to plant a defect. */
export interface ClusterParts {
  readonly makeMembership: MakeMembership;
  readonly makeViews: () => ViewCopy;
}

const PARTS: ClusterParts = {
  makeMembership: (...args) => new Membership(...args),
  makeViews: () => new ViewCopy(),
};
/** How long accidents go on at most, ms of virtual time: some heartbeats, a grace. */
const STORM_MS = 30_000;
/** How long after the storm all must be there again, and events for pools answered, ms. */
const SETTLE_MS = 300_000;
/** Then Membership may learn of the last who hang, and tell it. */
const QUIET_MS = 15_000;
const JUMPS_MS = [-3_000, -300, 300, 3_000];
/** A side of a lost connection learns of it that late at most, ms. */
const NOTICE_MS = 5_000;
const CHECK_MS = 500;
const HANGS_MS = [500, 5_000, 9_000, 15_000, Infinity];
const ISOLATES = 3;
const ALLOWANCE = { bytesPerSecond: 1 << 20, burstBytes: 1 << 20 };

const EDGE: readonly ModelNode[] = [
  { name: "proxy-e", nodeType: "PROXY", place: "edge" },
  { name: "logger-e1", nodeType: "LOGGER", place: "edge" },
  { name: "logger-e2", nodeType: "LOGGER", place: "edge" },
];
const REMOTE: readonly ModelNode[] = [
  { name: "manager", nodeType: "MANAGER", place: "remote" },
  { name: "proxy-1", nodeType: "PROXY", place: "remote" },
  { name: "proxy-2", nodeType: "PROXY", place: "remote" },
  { name: "proxy-3", nodeType: "PROXY", place: "remote" },
  { name: "worker-1", nodeType: "WORKER", place: "remote" },
  { name: "worker-2", nodeType: "WORKER", place: "remote" },
];
const JSON_NODES = ["worker-j1", "worker-j2"];

/** Runs one seed; every fourth is calm: nodes come, go and hang, objects sleep and move, and nothing is held up. */
export function runClusterWorld(options: WorldOptions, parts: ClusterParts = PARTS): Tally {
  const cluster = new ClusterWorld(new World(options), options.seed % 4 === 0, parts);
  cluster.run();
  return cluster.world;
}

class ClusterWorld implements ClusterSurroundings {
  readonly world: World;
  readonly link: LinkOptions;
  readonly pools: PoolLedger;
  readonly #isCalm: boolean;
  readonly #parts: ClusterParts;
  readonly #model: LayoutModel;
  readonly #poolAudit: PoolAudit;
  readonly #viewAudit: ViewAudit;
  readonly #membership: MembershipHost;
  readonly #routes: Routes;
  readonly #routers = new Map<string, RouterHost>();
  readonly #edge: readonly NativeNode[];
  readonly #natives: readonly NativeNode[];
  readonly #jsons: readonly JsonNode[];
  #isolates: Isolate[] = [];
  #isolateCount = 0;
  #sessionCount = 0;
  /** Until when Membership may learn of the last isolate that died: its nodes have time to be back, ms. */
  #isolateLostMs = 0;
  /** Who is in which life. */
  readonly #lives = new Map<string, NodeProcess>();
  /** What was to say of lives that are over. */
  readonly #past = new Map<string, NodeTruth>();

  constructor(world: World, isCalm: boolean, parts: ClusterParts) {
    this.world = world;
    this.#isCalm = isCalm;
    this.#parts = parts;
    if (isCalm) world.faultScale = 0;
    const { random } = world;
    this.link = {
      delayMs: [0, random.pick([1, 20, 60])],
      lossProbability: 0.002,
      stallProbability: 0.002,
      noticeMsMax: NOTICE_MS,
    };
    const jsonNodes = JSON_NODES.map((name): ModelNode => ({ name, nodeType: "WORKER", place: "remote" }));
    this.#model = new LayoutModel([...EDGE, ...REMOTE, ...jsonNodes]);
    this.pools = new PoolLedger(world);
    this.#poolAudit = new PoolAudit(world);
    this.#viewAudit = new ViewAudit(world, isCalm, (nodeId) => this.#truthOf(nodeId));
    this.#membership = new MembershipHost(world, parts.makeMembership, (life, commit) =>
      this.#viewAudit.committed(life, commit),
    );
    this.#routes = new Routes(random);
    // What is sequenced is checked in the world of events.
    const ledger = { sequenced: () => {} };
    const makeRouter = (...args: ConstructorParameters<typeof Router>) => new Router(...args);
    for (const name of this.#routes.routers) {
      this.#routers.set(name, new RouterHost(world, name, this.#routes, ledger, { makeRouter }));
    }
    for (let i = 0; i < ISOLATES; i++) this.#addIsolate();
    const native = ({ name, nodeType, place }: ModelNode, isSecond = false) =>
      new NativeNode(this, isSecond ? `${name}'` : name, {
        nodeName: name,
        nodeType,
        joins: place === "remote",
        watches: random.chance(0.4),
      });
    this.#edge = EDGE.filter(({ nodeType }) => nodeType === "PROXY").map((node) => native(node));
    // A second process under the name of another.
    this.#natives = [...REMOTE.map((node) => native(node)), native(random.pick(REMOTE), true)];
    this.#jsons = JSON_NODES.map((name) => new JsonNode(this, name, "WORKER"));
  }

  get layout() {
    return this.#model.layout;
  }

  get #nodes(): readonly (NativeNode | JsonNode)[] {
    return [...this.#natives, ...this.#jsons];
  }

  run(): void {
    const { world } = this;
    for (const node of [...this.#edge, ...this.#nodes]) {
      world.after(world.random.between(0, 3_000), () => node.start());
    }
    let isStorm = true;
    const stormMs = world.random.between(STORM_MS / 5, STORM_MS);
    world.after(stormMs, () => (isStorm = false));
    const goesOn = () => isStorm;
    this.#repeatedly("publish", [20, 800], goesOn, (random) => this.#publish(random));
    this.#repeatedly("accident", [100, 3_000], goesOn, (random) => this.#accident(random));
    this.#checkOften();
    world.runFor(stormMs + 1);
    world.faultScale = 0;
    const what = "all nodes are there and all events for pools are answered";
    world.runUntil(() => this.#isSettled, what, { maxMs: SETTLE_MS });
    world.runFor(QUIET_MS);
    this.#check();
  }

  nativeSession(): ClusterSession {
    const isolate = this.world.random.pick(this.#isolates);
    const { placement, version } = this.#routes.table;
    const session = new NativeSession({
      publisherOf: (instance) => instance,
      endpoint: "sim",
      grant: FULL_GRANT,
      placement,
      table: version,
      reader: ALLOWANCE,
      pools: new SessionPools(isolate.pools, { refresh: () => {}, emptied: () => {} }),
      welcome: {},
      nowMs: this.world.nowMs,
    });
    return this.#session("n", isolate, session, nodeIdOf);
  }

  jsonSession(name: string, nodeType: string, endpoint: string): ClusterSession {
    const isolate = this.world.random.pick(this.#isolates);
    const { placement, version } = this.#routes.table;
    const instance = fromBytes(this.world.random.bytes(16));
    const session = new JsonSession({
      identity: { instance, connection: 1, table: version },
      placement,
      endpoint,
      version: "0",
      grant: FULL_GRANT,
      node: { name, nodeType },
      reader: ALLOWANCE,
      nowMs: this.world.nowMs,
    });
    return this.#session("j", isolate, session, () => endpoint);
  }

  lives(node: NodeProcess): void {
    const { nodeId, noticeMs } = node.truth;
    for (const [past, other] of this.#lives) {
      if (other !== node) continue;
      this.#lives.delete(past);
      this.#past.set(past, { nodeId: past, wellSinceMs: Infinity, goneMs: this.world.nowMs, noticeMs });
    }
    this.#lives.set(nodeId, node);
  }

  #truthOf(nodeId: string): NodeTruth | undefined {
    return this.#lives.get(nodeId)?.truth ?? this.#past.get(nodeId);
  }

  #session(
    kind: string,
    isolate: Isolate,
    session: JsonSession | NativeSession,
    nodeId: (instance: InstanceId) => string,
  ): ClusterSession {
    const { world, link } = this;
    const name = `s${kind}${++this.#sessionCount}`;
    const { layout } = isolate;
    const place = { world, name, link, routers: this.#routers, membership: this.#membership, isolate };
    return new ClusterSession({ ...place, layout, nodeId }, session);
  }

  #addIsolate(): void {
    const name = `isolate ${++this.#isolateCount}`;
    this.#isolates.push(new Isolate(name, this.#parts.makeViews(), this.layout, this.#poolAudit));
  }

  #loseIsolate(random: Random): void {
    const isolate = random.pick(this.#isolates);
    this.world.count("death of an isolate", isolate.name);
    this.#isolateLostMs = this.world.nowMs + NOTICE_MS;
    this.#isolates = this.#isolates.filter((one) => one !== isolate);
    this.#addIsolate();
    isolate.die();
  }

  /** Each isolate learns of it in its own time. */
  #changeLayout(random: Random): void {
    const { world } = this;
    const what = this.#model.change(random);
    world.count("layout changed", what);
    for (const isolate of this.#isolates) {
      world.after(random.between(0, 3_000), () => isolate.use(this.layout));
    }
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

  #publish(random: Random): void {
    for (let i = random.between(1, 3); i > 0; i--) random.pick(this.#natives).publishToPool("proxy");
  }

  #accident(random: Random): void {
    const { world } = this;
    const membership = this.#membership;
    const router = random.pick([...this.#routers.values()]);
    const native = random.pick(this.#natives);
    const node = random.pick(this.#nodes);
    const sessions = this.#isolates.flatMap((isolate) => isolate.sessions);
    const all: readonly Process[] = [membership, router, ...this.#edge, ...this.#nodes, ...sessions];
    const happenings: readonly (() => void)[] = [
      () => node.crash(),
      () => node.leave(),
      () => this.#hang(native, random.pick(HANGS_MS)),
      () => this.#hang(native, random.pick(HANGS_MS)),
      () => membership.isIdle && membership.sleep(),
      () => membership.evict(),
      () => router.isIdle && router.sleep(),
      () => this.#changeLayout(random),
      () => this.#loseIsolate(random),
      () => membership.deploy(false),
      // From here on only where it is not calm.
      () => membership.deploy(true),
      () => membership.crash(),
      () => router.crash(),
      () => router.evict(),
      () => sessions.length > 0 && random.pick(sessions).crash(),
      () => cutOne(world, random.pick(all)),
      () => cutOne(world, random.pick(all)),
      () => cutOne(world, membership),
      () => random.pick([membership, router, native, ...sessions]).jumpClock(random.pick(JUMPS_MS)),
    ];
    happenings[random.between(0, this.#isCalm ? 9 : happenings.length - 1)]!();
  }

  /**
   * One of two processes under one name that hangs for good is not modelled: it may hold an event of a pool that only it
   * was sent, while the other one has the name.
   */
  #hang(native: NativeNode, ms: number): void {
    const isAlone = this.#natives.every(
      ({ nodeName, name }) => nodeName !== native.nodeName || name === native.name,
    );
    native.hang(isAlone ? ms : Math.min(ms, 15_000));
  }

  #checkOften(): void {
    this.world.after(CHECK_MS, () => {
      const { view, bootedMs, isUp } = this.#membership;
      if (isUp) this.#viewAudit.checkUp(view.up, Math.max(bootedMs, this.#isolateLostMs));
      this.#checkOften();
    });
  }

  get #isSettled(): boolean {
    const hosts = [...this.#routers.values(), this.#membership];
    return (
      hosts.every(({ isUp }) => isUp) &&
      [...this.#edge, ...this.#nodes].every(({ isSettled }) => isSettled) &&
      this.#isolates.every(({ layout }) => layout === this.layout)
    );
  }

  #check(): void {
    const { view } = this.#membership;
    const told = text(view.id, view.up);
    const nodes = this.#nodes.filter(({ isNode }) => isNode);
    const truth = text(
      view.id,
      nodes.map((node) => ({ name: node.nodeName, nodeId: node.truth.nodeId })),
    );
    if (told !== truth) throw new Violation(`Membership says ${told}; there are ${truth}`);
    const copies = [
      ...this.#isolates.filter(({ isWatching }) => isWatching),
      ...[...this.#edge, ...this.#natives].flatMap(({ name, view: views }) =>
        views ? [{ name, views }] : [],
      ),
    ];
    for (const { name, views } of copies) {
      const seen = views.id === undefined ? "nothing" : text(views.id, views.members.values());
      if (seen !== told) throw new Violation(`Membership says ${told}; ${name} has ${seen}`);
    }
    this.world.tally("copies of the view that agree", copies.length);
    for (const isolate of this.#isolates) isolate.viewed();
  }
}

function text(
  id: { readonly life: string; readonly number: number },
  nodes: Iterable<{ readonly name: string; readonly nodeId: string }>,
): string {
  const names = Array.from(nodes, ({ name, nodeId }) => `${name}=${nodeId}`).toSorted();
  return `${id.life}/${id.number}: ${names.join(" ")}`;
}
