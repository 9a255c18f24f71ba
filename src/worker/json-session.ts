/** Accepts clients of Zeek's WebSocket API and drives their sessions (spec: websocket-json.md §1, §2). */
import { CONTEXT, errorText } from "../protocol/data-message.ts";
import type { ClientInfo } from "../membership/client-reports.ts";
import type { Layout } from "../cluster/layout.ts";
import type { Grant } from "../protocol/grant.ts";
import { JsonSession } from "../protocol/json-session.ts";
import { Placement } from "../routing/placement.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";
import { newInstanceId, newEndpointId } from "./ids.ts";
import { currentLayout } from "./layout-copy.ts";
import { admitNode } from "./membership-admit.ts";
import { MembershipLink } from "./membership-link.ts";
import { ClientReports, clientOf } from "./client-reports.ts";
import { hasRoom, SessionDriver } from "./session-driver.ts";
import { sessionPools } from "./session-pools.ts";
import { openTrunk } from "../../durable/trunk.ts";
import { VERSION } from "./version.ts";

const JSON_PATH = "/v1/messages/json";
const APPLICATION_NAME = /^[A-Za-z0-9/_.=:*@-]*$/;

/**
 * Answers a WebSocket upgrade. A wrong path or application name is told after the 101, in an error frame and a close
 * 1008, as clients expect; 503 when the isolate has no room.
 */
export async function acceptJsonSession(
  request: Request,
  env: FabricEnv,
  ctx: ExecutionContext,
  grant: Grant,
): Promise<Response> {
  // What operators change at run time concerns nodes; others need not wait for it.
  const layout = nodeOf(grant) === undefined ? deployedLayout(env.LAYOUT) : await currentLayout(env, ctx);
  if (!hasRoom()) return new Response("no room for another session\n", { status: 503 });
  const pair = new WebSocketPair();
  const peer = pair[1];
  peer.binaryType = "arraybuffer";
  peer.accept();
  const response = new Response(null, { status: 101, webSocket: pair[0] });
  const name = request.headers.get("X-Application-Name") ?? "";
  if (new URL(request.url).pathname !== JSON_PATH)
    return refuse(peer, response, "invalid_uri", CONTEXT.invalidUri);
  if (!APPLICATION_NAME.test(name)) {
    return refuse(peer, response, "invalid_application_name", CONTEXT.invalidApplicationName);
  }
  ctx.waitUntil(
    new Promise<void>((done) => start(peer, { env, ctx, grant, layout, client: clientOf(request) }, done)),
  );
  return response;
}

function refuse(peer: WebSocket, response: Response, code: string, context: string): Response {
  peer.send(errorText(code, context));
  peer.close(1008, context);
  return response;
}

interface Surroundings {
  readonly env: FabricEnv;
  readonly ctx: ExecutionContext;
  readonly grant: Grant;
  readonly layout: Layout;
  readonly client: Omit<ClientInfo, "id">;
}

function start(peer: WebSocket, { env, ctx, grant, layout, client }: Surroundings, done: () => void): void {
  const endpoint = newEndpointId("websocket");
  const reports = new ClientReports({ id: endpoint, ...client }, layout, env, ctx);
  const placement = new Placement(layout.routers, layout.formerRouters);
  const session = new JsonSession({
    identity: { instance: newInstanceId(), connection: 1, table: placement.version },
    placement,
    endpoint,
    version: VERSION,
    grant,
    node: nodeOf(grant),
    reader: layout.jsonReader,
    pools: sessionPools(layout, env, ctx, () => driver.viewed()),
    nowMs: Date.now(),
  });
  const members = new MembershipLink({
    env,
    liveness: "close",
    nodeId: () => endpoint,
    admit: (name, nodeType) => admitNode(grant, layout.nodes, name, nodeType),
    // The API has no frame for it: a client whose node is refused goes on as one without a name.
    reply: () => {},
    viewed: () => driver.viewed(),
  });
  const openRouter = (router: string) => openTrunk(env.ROUTER.getByName(router));
  const driver = new SessionDriver(peer, session, {
    openTrunk: openRouter,
    member: (request) => members.handle(request),
    needView: (peer) => members.needView(peer),
    acked: (prefixes) => reports.added(prefixes),
    done: () => {
      reports.lost();
      done();
    },
  });
  peer.addEventListener("message", (event) => {
    if (typeof event.data === "string") session.text(event.data, Date.now());
    else session.binary(new Uint8Array(event.data as ArrayBuffer), Date.now());
    driver.inputTaken();
  });
  const closed = (code: number, reason: string) => {
    reports.closed(code, reason);
    session.closed(Date.now());
    members.close();
    driver.inputTaken();
  };
  peer.addEventListener("close", ({ code, reason }) => closed(code, reason));
  peer.addEventListener("error", () => closed(1006, ""));
}

/** The node that a token speaks for. */
function nodeOf({ name, nodeType }: Grant): { name: string; nodeType: string } | undefined {
  return name === undefined || nodeType === undefined
    ? undefined
    : { name, nodeType: nodeType.toUpperCase() };
}
