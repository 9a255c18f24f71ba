/** The layout in force, as this isolate knows it: the deployed one with its copy of the run-time part laid over it. */
import { clusterLayout } from "../../durable/cluster-layout-proxy.ts";
import { layoutInForce, type LayoutDocument } from "../cluster/layout-document.ts";
import type { Layout } from "../cluster/layout.ts";
import type { LoggerOverride } from "../logs/logger.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";
import { LayoutCache } from "./layout-cache.ts";

const cache = new LayoutCache();

/** Merged once for each document: pools and copies go by the identity of a layout. */
let merged:
  { readonly deployed: Layout; readonly document: LayoutDocument; readonly layout: Layout } | undefined;

/** The merged layout, at most `LIMITS.layoutCacheMs` old while ClusterLayout answers. Throws `invalid_layout`. */
export async function currentLayout(
  env: Pick<FabricEnv, "LAYOUT" | "CLUSTER_LAYOUT">,
  ctx: Pick<ExecutionContext, "waitUntil">,
): Promise<Layout> {
  const deployed = deployedLayout(env.LAYOUT);
  const document = await cache.fresh({
    read: async () => clusterLayout(env.CLUSTER_LAYOUT).read(),
    nowMs: () => Date.now(),
    keep: (promise) => ctx.waitUntil(promise),
    failed: (error) => {
      // oxlint-disable-next-line no-console -- the log of a Worker
      console.error(JSON.stringify({ event: "layout_read_failed", error: String(error) }));
    },
  });
  if (merged?.deployed !== deployed || merged.document !== document) {
    merged = { deployed, document, layout: layoutInForce(deployed, document).layout };
  }
  return merged.layout;
}

/** What is known now of what operators have said of a logger. */
export function knownOverride(logger: string): LoggerOverride {
  return cache.overrideOf(logger);
}

/** Makes a document known that ClusterLayout has answered with. */
export function learnLayout(document: LayoutDocument): void {
  cache.put(document);
}
