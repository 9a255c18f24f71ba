/** Accepts native peers (`/v1/connect`) and drives their sessions. PROTOCOL.md, "Native protocol". */
import { LIMITS } from "../base/limits.ts";
import type { Layout } from "../cluster/layout.ts";
import { loggingOf, loggingOption } from "../cluster/logging.ts";
import { nodeIdOf } from "../membership/node-id.ts";
import type { Grant } from "../protocol/grant.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";
import { NativeSession } from "../protocol/native-session.ts";
import { Placement } from "../routing/placement.ts";
import type { FabricEnv } from "./env.ts";
import { newEndpointId, newInstanceId, publisherOf } from "./ids.ts";
import { currentLayout, knownOverride } from "./layout-copy.ts";
import { LogIntake } from "./log-intake.ts";
import { admitNode } from "./membership-admit.ts";
import { MembershipLink } from "./membership-link.ts";
import { hasRoom, SessionDriver } from "./session-driver.ts";
import { sessionPools } from "./session-pools.ts";
import { openTrunk } from "../../durable/trunk.ts";
import { VERSION } from "./version.ts";

export const NATIVE_PATH = "/v1/connect";

interface Surroundings {
  readonly env: FabricEnv;
  readonly ctx: ExecutionContext;
  readonly grant: Grant;
  readonly layout: Layout;
}

/** Answers a WebSocket upgrade; 400 without the subprotocol, 503 when the isolate has no room. */
export async function acceptNativeSession(
  request: Request,
  env: FabricEnv,
  ctx: ExecutionContext,
  grant: Grant,
): Promise<Response> {
  const offered = (request.headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((p) => p.trim());
  if (!offered.includes(SUBPROTOCOL)) {
    return new Response(`offer the subprotocol ${SUBPROTOCOL}\n`, { status: 400 });
  }
  const layout = await currentLayout(env, ctx);
  if (!hasRoom()) return new Response("no room for another session\n", { status: 503 });
  const pair = new WebSocketPair();
  const peer = pair[1];
  peer.binaryType = "arraybuffer";
  peer.accept();
  ctx.waitUntil(new Promise<void>((done) => start(peer, { env, ctx, grant, layout }, done)));
  const headers = { "Sec-WebSocket-Protocol": SUBPROTOCOL };
  return new Response(null, { status: 101, webSocket: pair[0], headers });
}

function start(peer: WebSocket, { env, ctx, grant, layout }: Surroundings, done: () => void): void {
  const placement = new Placement(layout.routers, layout.formerRouters);
  const session = new NativeSession({
    endpoint: newEndpointId("native"),
    grant,
    placement,
    table: placement.version,
    publisherOf,
    reader: layout.jsonReader,
    pools: sessionPools(layout, env, ctx, () => driver.viewed()),
    keptPrefixes: layout.retention.map(({ prefix }) => prefix),
    welcome: {
      fabric: layout.fabric,
      server: VERSION,
      loggers: layout.loggers,
      logging: loggingOption(loggingOf(layout)),
      limits: {
        frameBytes: LIMITS.frameBytesMax,
        logBatchBytes: LIMITS.logBatchBytesMax,
        subscriptions: LIMITS.subscriptionsMax,
      },
    },
    nowMs: Date.now(),
  });
  const intake = new LogIntake({
    openTrunk: (logger) => openTrunk(env.LOGGER.getByName(logger)),
    reply: (frame) => {
      session.answered(frame);
      driver.inputTaken();
    },
    layout,
    overrideOf: knownOverride,
    grant,
    instance: newInstanceId(),
    nowMs: () => Date.now(),
  });
  const members = new MembershipLink({
    env,
    liveness: "heartbeat",
    nodeId: ({ instance }) => nodeIdOf(instance),
    admit: (name, nodeType) => admitNode(grant, layout.nodes, name, nodeType),
    reply: (frame) => {
      session.answered(frame);
      driver.inputTaken();
    },
    viewed: () => driver.viewed(),
  });
  const driver = new SessionDriver(peer, session, {
    openTrunk: (router) => openTrunk(env.ROUTER.getByName(router)),
    log: (frame) => intake.handle(frame),
    member: (request) => members.handle(request),
    needView: (peer) => members.needView(peer),
    done: () => void intake.idle().finally(done),
  });
  peer.addEventListener("message", (event) => {
    if (typeof event.data === "string") session.receiveText(Date.now());
    else session.receive(new Uint8Array(event.data as ArrayBuffer), Date.now());
    members.heard();
    driver.inputTaken();
  });
  const closed = () => {
    session.closed(Date.now());
    intake.close();
    members.close();
    driver.inputTaken();
  };
  peer.addEventListener("close", closed);
  peer.addEventListener("error", closed);
}
