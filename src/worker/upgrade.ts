/** WebSocket upgrades: which session takes a request. Looked at before the HTTP routes, which cost more. */
import { FabricError } from "../base/errors.ts";
import { authenticate } from "./auth.ts";
import type { FabricEnv } from "./env.ts";
import { acceptJsonSession } from "./json-session.ts";
import { acceptNativeSession, NATIVE_PATH } from "./native-session.ts";

/** Whether a request asks for a WebSocket. */
export function isUpgrade(request: Request): boolean {
  return request.headers.get("Upgrade")?.toLowerCase() === "websocket";
}

/**
 * Answers an upgrade. Every path but that of native peers is Zeek's WebSocket API, which tells a wrong path after the
 * 101. Throws what `authenticate` throws.
 */
export async function upgrade(request: Request, env: FabricEnv, ctx: ExecutionContext): Promise<Response> {
  if (request.method !== "GET") throw new FabricError("invalid_message", "an upgrade is a GET request");
  const isNative = new URL(request.url).pathname === NATIVE_PATH;
  const grant = await authenticate(request, env, !isNative);
  return isNative
    ? acceptNativeSession(request, env, ctx, grant)
    : acceptJsonSession(request, env, ctx, grant);
}
