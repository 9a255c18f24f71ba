/** The HTTP answers about the cluster's layout, for operators. app.ts mounts them. */
import { clusterLayout } from "../../durable/cluster-layout-proxy.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { loggerOverride, type LayoutDocument } from "../cluster/layout-document.ts";
import { viewLayout } from "../cluster/layout-view.ts";
import type { Grant } from "../protocol/grant.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";
import { learnLayout } from "./layout-copy.ts";

type LayoutEnv = Pick<FabricEnv, "CLUSTER_LAYOUT" | "LOGGER" | "LAYOUT">;

/** `GET /v1/cluster`: the layout in force (LayoutView), as ClusterLayout has it. Throws `forbidden`, `unavailable`. */
export async function showLayout(env: LayoutEnv, grant: Grant): Promise<Response> {
  assertOperator(grant);
  const document = await clusterLayout(env.CLUSTER_LAYOUT).read();
  learnLayout(document);
  return answer(env, document);
}

/**
 * `PUT /v1/cluster/loggers/:name`, body {"enabled": true or false}: answers with the layout (LayoutView) when the change
 * is durable and the logger goes by it. Throws `forbidden`, `invalid_data`, `too_large`, `unknown_logger`, and
 * `unavailable`, after which the same request may be sent again.
 */
export async function changeLogger(
  env: LayoutEnv,
  grant: Grant,
  name: string,
  request: Request,
): Promise<Response> {
  assertOperator(grant);
  const enabled = await enabledOf(request);
  if (!deployedLayout(env.LAYOUT).loggers.some((logger) => logger.name === name)) {
    throw new FabricError("unknown_logger", "the layout has no such logger");
  }
  const document = await clusterLayout(env.CLUSTER_LAYOUT).change({ type: "logger", name, enabled });
  learnLayout(document);
  const override = { epoch: document.epoch, enabled: loggerOverride(document, name) };
  try {
    await env.LOGGER.getByName(name).setOverride(override);
  } catch (cause) {
    throw new FabricError(
      "unavailable",
      `the change is stored, but logger ${name} did not confirm it yet: send it again`,
      { cause },
    );
  }
  return answer(env, document);
}

function assertOperator(grant: Grant): void {
  if (!grant.admin) throw new FabricError("forbidden", "the token does not grant the operator's routes");
}

function answer(env: LayoutEnv, document: LayoutDocument): Response {
  const source = env.LAYOUT === undefined ? "site" : "variable";
  return Response.json(viewLayout(deployedLayout(env.LAYOUT), source, document));
}

async function enabledOf(request: Request): Promise<boolean> {
  const max = LIMITS.layoutBodyBytesMax;
  const body = await request.arrayBuffer();
  if (body.byteLength > max) {
    throw new FabricError("too_large", `the body has ${body.byteLength} bytes, at most ${max} are allowed`);
  }
  try {
    const { enabled } = JSON.parse(new TextDecoder().decode(body)) as { readonly enabled?: unknown };
    if (typeof enabled === "boolean") return enabled;
  } catch {
    // Told below, with what is wanted instead.
  }
  throw new FabricError("invalid_data", 'the body must be {"enabled": true} or {"enabled": false}');
}
