/** The HTTP answers about the cluster's layout, for operators. app.ts mounts them. */
import { clusterLayout } from "../../durable/cluster-layout-proxy.ts";
import { trace } from "../../durable/trace.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { diffLayouts, parseApplied } from "../cluster/layout-apply.ts";
import { deltaFor, layoutInForce, loggerOverride, type LayoutDocument } from "../cluster/layout-document.ts";
import { viewLayout } from "../cluster/layout-view.ts";
import type { Layout } from "../cluster/layout.ts";
import { MEMBERSHIP_NAME } from "../membership/heartbeat.ts";
import type { Grant } from "../protocol/grant.ts";
import { deployedLayout } from "../site/deployed.ts";
import { assertOperator } from "./auth.ts";
import type { FabricEnv } from "./env.ts";
import { learnLayout } from "./layout-copy.ts";

type LayoutEnv = Pick<FabricEnv, "CLUSTER_LAYOUT" | "LOGGER" | "LAYOUT" | "MEMBERSHIP">;

/**
 * `GET /v1/cluster`: the layout in force (LayoutView), as ClusterLayout has it. For operators and for nodes, which set
 * up their pools from it. Throws `forbidden`, `unavailable`.
 */
export async function showLayout(env: LayoutEnv, grant: Grant): Promise<Response> {
  if (grant.name === undefined) assertOperator(grant);
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
  await tellLogger(env, document, name);
  return answer(env, document);
}

/**
 * `PUT /v1/cluster`, body a layout as src/site/layout.ts holds one: its nodes, pools and stores are in force when the
 * answer (LayoutApplied) comes. Sections that it leaves out stay; its settings must be those that are deployed (R8). With
 * `?dry-run` nothing changes. Throws `forbidden`, `invalid_data`, `too_large`, `layout_changed`, and `unavailable`, after
 * which the same request may be sent again.
 */
export async function applyLayout(env: LayoutEnv, grant: Grant, request: Request): Promise<Response> {
  assertOperator(grant);
  const body = await jsonOf(request, LIMITS.layoutApplyBytesMax);
  const calls = clusterLayout(env.CLUSTER_LAYOUT);
  const document = await calls.read();
  const deployed = deployedLayout(env.LAYOUT);
  const { delta, difference } = plan(body, deployed, layoutInForce(deployed, document).layout);
  if (new URL(request.url).searchParams.has("dry-run")) {
    return answer(env, { ...document, ...delta }, { difference, applied: false });
  }
  const applied = await calls.change({ type: "layout", epoch: document.epoch, ...delta });
  learnLayout(applied);
  const concerned = new Set([...document.loggers, ...applied.loggers].map(({ name }) => name));
  for (const { name } of deployed.loggers) if (concerned.has(name)) await tellLogger(env, applied, name);
  if (difference.length > 0) await tellNodes(env, applied);
  return answer(env, applied, { difference, applied: true });
}

/** What a written layout changes. Throws `invalid_data`: it is the caller's, not the deployment's, that is wrong. */
function plan(body: unknown, deployed: Layout, current: Layout) {
  try {
    const wanted = parseApplied(body, current);
    return { delta: deltaFor(deployed, wanted), difference: diffLayouts(current, wanted) };
  } catch (error) {
    if (!(error instanceof FabricError) || error.code !== "invalid_layout") throw error;
    throw new FabricError("invalid_data", error.message, { cause: error });
  }
}

async function tellLogger(env: LayoutEnv, document: LayoutDocument, name: string): Promise<void> {
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
}

/** Nodes read the layout again when they hear of it; without Membership they hear of the next change. */
async function tellNodes(env: LayoutEnv, { epoch }: LayoutDocument): Promise<void> {
  try {
    await env.MEMBERSHIP.getByName(MEMBERSHIP_NAME).layoutChanged(epoch);
  } catch (error) {
    trace("layout.not_told", { epoch, error: String(error) });
  }
}

function answer(env: LayoutEnv, document: LayoutDocument, more: object = {}): Response {
  const source = env.LAYOUT === undefined ? "site" : "variable";
  return Response.json({ ...viewLayout(deployedLayout(env.LAYOUT), source, document), ...more });
}

async function enabledOf(request: Request): Promise<boolean> {
  const body = await jsonOf(request, LIMITS.layoutBodyBytesMax);
  const enabled = typeof body === "object" && body !== null && "enabled" in body ? body.enabled : undefined;
  if (typeof enabled === "boolean") return enabled;
  throw new FabricError("invalid_data", 'the body must be {"enabled": true} or {"enabled": false}');
}

async function jsonOf(request: Request, max: number): Promise<unknown> {
  const body = await request.arrayBuffer();
  if (body.byteLength > max) {
    throw new FabricError("too_large", `the body has ${body.byteLength} bytes, at most ${max} are allowed`);
  }
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw new FabricError("invalid_data", "the body must be JSON", { cause });
  }
}
