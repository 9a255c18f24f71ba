/** How many cores a site needs, by the rule of thumb of Bro's cluster documentation. */

/** Traffic that one core analyses, Mbit/s. */
const MBPS_PER_CORE = 250;

export interface Sizing {
  readonly cores: number;
  /** Hosts with so many cores each. */
  readonly hosts: number;
}

/** Cores for traffic of `mbps`: to the nearest, at least one, as that documentation does (2048 Mbit/s: 8 cores). */
export function sizeCluster(mbps: number, coresPerHost = 4): Sizing {
  const cores = Math.max(1, Math.round(mbps / MBPS_PER_CORE));
  return { cores, hosts: Math.ceil(cores / coresPerHost) };
}
