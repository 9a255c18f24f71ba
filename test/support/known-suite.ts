/**
 * The acceptance of the cluster: connections through all roles while proxies go and come back and a connection is cut.
 * What the cluster has found is compared with what a plain look at the same connections says.
 */
import { expect } from "vitest";
import { keyDigest } from "../../src/cluster/key-digest.ts";
import { hasMoved } from "../../src/cluster/pool-move.ts";
import { string } from "../../src/data/value.ts";
import { parseAddress } from "../../src/data/address.ts";
import { isEstablished, isFailed, portOf, serviceOf, type Conn } from "./json-v1-worker.ts";
import { KnownCluster, PROXIES, type Handled } from "./known-cluster.ts";
import { nodeNames, onePool, viewId } from "./pool-rig.ts";

/** Of the scan script. */
const ADDRESSES = 25;
const PORTS = 15;
const KILLED = "proxy-3";
const WITHIN = { timeout: 60_000, interval: 250 };

/** What the connections hold. */
class Expected {
  readonly hosts = new Set<string>();
  readonly services = new Set<string>();
  /** Failed attempts, each as often as it comes. */
  readonly attempts = new Map<string, number>();
  attemptCount = 0;

  add(lines: readonly string[]): void {
    for (const line of lines) {
      const conn = JSON.parse(line) as Conn;
      const [from, to] = [conn["id.orig_h"], conn["id.resp_h"]];
      if (isEstablished(conn)) {
        this.hosts.add(from).add(to);
        const service = serviceOf(conn);
        if (service !== undefined) this.services.add(service);
      }
      if (!isFailed(conn)) continue;
      const key = `${from} ${to} ${portOf(conn)}`;
      this.attempts.set(key, (this.attempts.get(key) ?? 0) + 1);
      this.attemptCount++;
    }
  }
}

export interface KnownReport {
  readonly connections: number;
  readonly handled: number;
  /** Events that were handled more than once, because the first proxy died before it could say so. */
  readonly repeated: number;
  readonly notices: number;
  readonly movedFrom: Readonly<Record<string, number>>;
}

/** Runs it over connections, lines of conn.log as JSON. Fails like a test. */
export async function runKnownSuite(lines: readonly string[]): Promise<KnownReport> {
  await using cluster = await KnownCluster.start();
  const suite = new KnownSuite(cluster, lines);
  await suite.run();
  return suite.report();
}

class KnownSuite {
  readonly #cluster: KnownCluster;
  readonly #lines: readonly string[];
  readonly #expected = new Expected();
  /** What was handled in the phases before. */
  readonly #seen = new Set<string>();
  #handled: readonly Handled[] = [];
  readonly #moved: Record<string, number> = {};

  constructor(cluster: KnownCluster, lines: readonly string[]) {
    this.#cluster = cluster;
    this.#lines = lines;
  }

  async run(): Promise<void> {
    const cluster = this.#cluster;
    const [all, killed, without3, removed, without2, cut, end] = chunks(this.#lines, 7);
    await this.#chosen(PROXIES);
    await this.#phase(all!, PROXIES);

    // A remote proxy is killed while it works.
    await this.#phase(killed!, PROXIES, { absent: KILLED, during: async () => cluster.killProxy3() });
    await this.#chosen(["proxy-1", "proxy-2"]);
    await this.#phase(without3!, ["proxy-1", "proxy-2"]);
    await cluster.startProxy3();
    await this.#chosen(PROXIES);

    // A proxy at the edge is taken out of the layout.
    const rest = ["proxy-1", "proxy-3"];
    await this.#phase(removed!, PROXIES, {
      absent: "proxy-2",
      during: async () => cluster.applyProxies(rest),
    });
    await this.#chosen(rest);
    await this.#phase(without2!, rest);
    await cluster.applyProxies(PROXIES);
    await this.#chosen(PROXIES);

    // The connection of a worker is cut.
    await this.#phase(cut!, PROXIES, { during: async () => Promise.resolve(cluster.cutWorker2()) });
    expect(cluster.cuts).toBe(1);
    await this.#phase(end!, PROXIES);
    await this.#compare();
  }

  report(): KnownReport {
    const counts = Map.groupBy(this.#attempts(), ({ key }) => key);
    const repeated = [...counts].reduce(
      (sum, [key, { length }]) => sum + length - this.#expected.attempts.get(key)!,
      0,
    );
    return {
      connections: this.#lines.length,
      handled: this.#handled.length,
      repeated,
      notices: this.#expectedNotices().size,
      movedFrom: this.#moved,
    };
  }

  /** Feeds connections and waits until every event of theirs is handled. `during` is called amid them. */
  async #phase(
    lines: readonly string[],
    alive: readonly string[],
    { absent, during }: { readonly absent?: string; readonly during?: () => Promise<void> } = {},
  ): Promise<void> {
    const half = Math.ceil(lines.length / 2);
    const feeding = [this.#cluster.feed(lines.slice(0, half))];
    if (absent !== undefined) await this.#works(absent);
    feeding.push(this.#cluster.feed(lines.slice(half)));
    await during?.();
    await Promise.all(feeding);
    this.#expected.add(lines);
    await expect.poll(async () => this.#missing(), WITHIN).toEqual([]);
    const fresh = this.#handled.filter(({ id }) => !this.#seen.has(id));
    for (const { id } of fresh) this.#seen.add(id);
    this.#assertOwners(fresh, alive, absent);
  }

  /** Resolves when a proxy has handled something in this phase. */
  async #works(proxy: string): Promise<void> {
    const isFresh = ({ id, node }: Handled) => node === proxy && !this.#seen.has(id);
    const fresh = async () => (await this.#cluster.records<Handled>("witness")).some(isFresh);
    await expect.poll(fresh, { ...WITHIN, interval: 20 }).toBe(true);
  }

  /** What is expected and not handled or logged yet, the first few. */
  async #missing(): Promise<readonly string[]> {
    this.#handled = await this.#cluster.records<Handled>("witness");
    const counts = Map.groupBy(this.#attempts(), ({ key }) => key);
    const attempts = [...this.#expected.attempts].filter(([key, n]) => (counts.get(key)?.length ?? 0) < n);
    const { hosts, services } = await this.#logged((stream) => this.#cluster.records(stream));
    return [
      ...attempts.map(([key]) => `attempt ${key}`),
      ...[...this.#expected.hosts].filter((host) => !hosts.includes(host)),
      ...[...this.#expected.services].filter((service) => !services.includes(service)),
    ].slice(0, 5);
  }

  /** Each key was handled by its owner; while a node goes, by its owner with or without that node. */
  #assertOwners(handled: readonly Handled[], alive: readonly string[], absent: string | undefined): void {
    const full = onePool(PROXIES).views.of("p");
    const pools = onePool(PROXIES);
    pools.views.advance(viewId(2), nodeNames(alive));
    const now = pools.views.of("p");
    pools.views.advance(viewId(3), nodeNames(alive.filter((name) => name !== absent)));
    const later = pools.views.of("p");
    for (const { node, event, key } of handled) {
      const digest = digestOf(event, key);
      const owners = [now, later].map((view) => view.ownerOf(digest)!.name as string);
      expect(owners, `${event} ${key}`).toContain(node);
      const owner = full.ownerOf(digest)!.name;
      if (node === owner) continue;
      this.#moved[owner] = (this.#moved[owner] ?? 0) + 1;
      // Only keys of the node that is absent move.
      expect(hasMoved(full, absent === undefined ? now : later, digest)).toBe(true);
      expect(alive.includes(owner) && owner !== absent).toBe(false);
    }
  }

  /** Resolves when the fabric chooses among exactly these. */
  async #chosen(proxies: readonly string[]): Promise<void> {
    const pool = onePool(PROXIES, proxies);
    const keys = Array.from({ length: 12 }, (_, n) => `probe ${n}`);
    const wanted = keys.map((key) => pool.hrwNode("p", keyDigest(string(key)))!.name as string);
    await expect.poll(async () => this.#cluster.ownersOf(keys), WITHIN).toEqual(wanted);
  }

  async #compare(): Promise<void> {
    const { hosts, services } = await this.#logged((stream) => this.#cluster.stored(stream));
    expect(new Set(hosts)).toEqual(this.#expected.hosts);
    expect(new Set(services)).toEqual(this.#expected.services);
    // The one that was killed may have logged what it could not say any more, and only that is there again.
    const again = [...hosts, ...services].filter((key, i, keys) => keys.indexOf(key) < i);
    const full = onePool(PROXIES);
    expect(again.filter((key) => full.hrwNode("p", keyDigest(string(key)))!.name !== KILLED)).toEqual([]);
    const notices = await this.#cluster.stored<{ note: string; src: string }>("notice");
    const found = notices.map(({ note, src }) => `${note} ${src}`);
    expect(found.toSorted()).toEqual([...this.#expectedNotices()].toSorted());
  }

  async #logged(read: <T>(stream: string) => Promise<readonly T[]>) {
    const hosts = await read<{ host: string }>("known_hosts");
    const services = await read<{ host: string; port_num: string; port_proto: string }>("known_services");
    return {
      hosts: hosts.map(({ host }) => host),
      services: services.map(({ host, port_num, port_proto }) => `${host} ${port_num}/${port_proto}`),
    };
  }

  #attempts(): readonly Handled[] {
    return this.#handled.filter(({ event }) => event === "Scan::attempt");
  }

  /** By what each life of a proxy was told: a scan is seen where its attempts come together. */
  #expectedNotices(): ReadonlySet<string> {
    const notices = new Set<string>();
    for (const ofLife of Map.groupBy(this.#attempts(), ({ life }) => life).values()) {
      for (const [scanner, own] of Map.groupBy(ofLife, ({ key }) => key.split(" ")[0]!)) {
        const pairs = own.map(({ key }) => key.split(" ").slice(1) as [string, string]);
        const most = (by: 0 | 1, what: 0 | 1) =>
          Math.max(
            ...[...Map.groupBy(pairs, (pair) => pair[by]).values()].map(
              (group) => new Set(group.map((pair) => pair[what])).size,
            ),
          );
        if (most(1, 0) >= ADDRESSES) notices.add(`Scan::Address_Scan ${scanner}`);
        if (most(0, 1) >= PORTS) notices.add(`Scan::Port_Scan ${scanner}`);
      }
    }
    return notices;
  }
}

/** The key of an event is its first argument: a text, or the address of a scanner. */
function digestOf(event: string, key: string): number {
  return keyDigest(event === "Scan::attempt" ? parseAddress(key.split(" ")[0]!) : string(key));
}

function chunks(lines: readonly string[], n: number): readonly (readonly string[])[] {
  const size = Math.ceil(lines.length / n);
  return Array.from({ length: n }, (_, i) => lines.slice(i * size, (i + 1) * size));
}
