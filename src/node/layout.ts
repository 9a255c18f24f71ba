/** The layout of a fabric as its nodes need it, read over HTTP. */
import { FabricError, isErrorCode } from "../base/errors.ts";
import type { LayoutView } from "../cluster/layout-view.ts";
import type { PoolEntry } from "../cluster/pool-spec.ts";
import type { ClusterSetup } from "../script/cluster-view.ts";

/** What of the answer of `GET /v1/cluster` concerns scripts. */
function setupOf({ nodes, pools, settings }: LayoutView): ClusterSetup {
  const { topicNames, managerIsLogger, hrwGeneration } = settings;
  return { nodes, pools: pools.map(poolOf), topicNames, managerIsLogger, hrwGeneration };
}

function poolOf({ name, topic, nodeType, maxNodes, exclusive }: LayoutView["pools"][number]): PoolEntry {
  return { name, topic, nodeType, exclusive, ...(maxNodes === undefined ? {} : { maxNodes }) };
}

/** Reads it. Throws `unavailable`, and the code of a refusal: a token must speak for a node, or for an operator. */
export async function readSetup(url: string, token: string | undefined): Promise<ClusterSetup> {
  const address = new URL("/v1/cluster", url);
  address.protocol = address.protocol.replace(/^ws/, "http");
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(address, { headers });
  } catch (cause) {
    throw new FabricError("unavailable", `nothing answers at ${url}: does the fabric run?`, { cause });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return setupOf(body as LayoutView);
  const { error } = (body ?? {}) as { error?: { code: string; message: string } };
  if (error !== undefined && isErrorCode(error.code)) throw new FabricError(error.code, error.message);
  throw new FabricError("unavailable", `the layout was answered with HTTP status ${response.status}`);
}
