/** Which worker analyses a flow. Any function of the flow will do, so long as both directions get the same answer. */
import { HrwSites, sitesOf } from "../cluster/hrw.ts";
import { flowDigest, type FiveTuple } from "./five-tuple.ts";

/** A balancer: a name of those that it was made with, or undefined when there is none. */
export interface Balancer {
  workerOf(flow: FiveTuple): string | undefined;
}

/** By highest random weight: a worker that comes or goes moves only its own share of the flows. */
export class HrwBalancer implements Balancer {
  readonly #workers: readonly string[];
  readonly #sites: HrwSites;

  constructor(workers: readonly string[]) {
    this.#workers = workers;
    const sites = sitesOf(workers).map(({ siteId }) => siteId);
    this.#sites = new HrwSites(sites, new Uint8Array(workers.length).fill(1));
  }

  workerOf(flow: FiveTuple): string | undefined {
    return this.#workers[this.#sites.choose(flowDigest(flow))];
  }
}

/** In two stages, as networks are built: a hardware stage picks the host, the host picks one of its workers. */
export class StagedBalancer implements Balancer {
  readonly #hosts: Balancer;
  readonly #workers: ReadonlyMap<string, Balancer>;

  /** @param workers The workers of each host. */
  constructor(workers: Readonly<Record<string, readonly string[]>>) {
    this.#hosts = new HrwBalancer(Object.keys(workers));
    this.#workers = new Map(Object.entries(workers).map(([host, own]) => [host, new HrwBalancer(own)]));
  }

  /** The first stage alone. */
  hostOf(flow: FiveTuple): string | undefined {
    return this.#hosts.workerOf(flow);
  }

  workerOf(flow: FiveTuple): string | undefined {
    const host = this.hostOf(flow);
    return host === undefined ? undefined : this.#workers.get(host)?.workerOf(flow);
  }
}
