/** What the nodes of the simulated cluster need of it. */
import type { Layout } from "../../../src/cluster/layout.ts";
import type { LinkOptions } from "../kit/link.ts";
import type { World } from "../kit/world.ts";
import type { PoolLedger } from "./pool-ledger.ts";
import type { ClusterSession } from "./session-host.ts";
import type { NodeTruth } from "./view-audit.ts";

/** A process that may be a node. */
export interface NodeProcess {
  readonly nodeName: string;
  readonly truth: NodeTruth;
}

export interface ClusterSurroundings {
  readonly world: World;
  readonly link: LinkOptions;
  readonly pools: PoolLedger;
  /** As operators have it now. */
  readonly layout: Layout;
  nativeSession(): ClusterSession;
  /** @param endpoint That of the ack: the id of this life of the node. */
  jsonSession(name: string, nodeType: string, endpoint: string): ClusterSession;
  /** A life of a node begins. */
  lives(node: NodeProcess): void;
}
