/** Who is asking: from a request to a grant. Checked here, before any object is touched. */
import { errors, jwtVerify } from "jose";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  FULL_GRANT,
  TOKEN_ALGORITHM,
  TOKEN_SUBPROTOCOL,
  grantOf,
  parseKeys,
  type Key,
} from "../protocol/access.ts";
import type { Grant } from "../protocol/grant.ts";
import type { FabricEnv } from "./env.ts";
import { TokenCache, type Verified } from "./token-cache.ts";

const cache = new TokenCache();

/**
 * The grant of a request. Throws `no_key` (503), `no_token`, `token_invalid`, `token_expired` (401) or `forbidden` (403).
 * An open fabric asks for no token, but looks where the request comes from; `anyOrigin` leaves out the page's own site,
 * which Zeek's WebSocket API does not look at.
 */
export async function authenticate(request: Request, env: FabricEnv, anyOrigin = false): Promise<Grant> {
  if (env.SELVEDGE_OPEN === "loopback") {
    assertLocalHost(request);
    if (!anyOrigin) assertLocalOrigin(request);
    return FULL_GRANT;
  }
  const keys = parseKeys(env.SELVEDGE_KEY);
  const token = tokenOf(request);
  if (token === undefined) {
    throw new FabricError("no_token", "send a token: `Authorization: Bearer …` (selvedge token create)");
  }
  cache.useKeys(env.SELVEDGE_KEY);
  const known = cache.get(token, Date.now());
  if (known !== undefined) return known;
  const verified = await verify(token, keys);
  cache.add(token, verified);
  return verified.grant;
}

/** The headers that go with the error's status. */
export function challengeOf(error: FabricError): Record<string, string> {
  if (error.http !== 401) return {};
  const detail =
    error.code === "no_token" ? "" : `, error="invalid_token", error_description="${error.code}"`;
  return { "WWW-Authenticate": `Bearer realm="selvedge"${detail}` };
}

/** A web page of another site reaches a loopback address under its own name when its DNS answers so (rebinding). */
function assertLocalHost(request: Request): void {
  // Several Host headers make an address that is none.
  if (!URL.canParse(request.url) || !isLocal(new URL(request.url).hostname)) {
    throw new FabricError(
      "forbidden",
      "this fabric is open on loopback only: use http://127.0.0.1 or http://localhost",
    );
  }
}

/** A web page of another site can send requests and open WebSockets here: no same-origin rule stops these. */
function assertLocalOrigin(request: Request): void {
  const origin = request.headers.get("Origin");
  if (origin === null || origin === "file://") return;
  if (!URL.canParse(origin) || !isLocal(new URL(origin).hostname)) {
    throw new FabricError(
      "forbidden",
      "this fabric is open to pages of this machine only: set SELVEDGE_KEY and send a token",
    );
  }
}

function isLocal(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * The token: of the Authorization header, as Bearer or as the password of Basic (clients that can only be given a URL);
 * or of a subprotocol, for browsers.
 */
function tokenOf(request: Request): string | undefined {
  const [scheme, value] = (request.headers.get("Authorization") ?? "").trim().split(/\s+/, 2);
  if (value !== undefined) {
    if (/^bearer$/i.test(scheme!)) return value;
    if (/^basic$/i.test(scheme!)) return passwordOf(value);
    throw new FabricError("token_invalid", "the Authorization header must be Bearer or Basic");
  }
  return (request.headers.get("Sec-WebSocket-Protocol") ?? "")
    .split(",")
    .map((offered) => offered.trim())
    .find((offered) => offered.startsWith(TOKEN_SUBPROTOCOL))
    ?.slice(TOKEN_SUBPROTOCOL.length);
}

function passwordOf(credentials: string): string {
  let text: string;
  try {
    text = atob(credentials);
  } catch (cause) {
    throw new FabricError("token_invalid", "the Basic credentials are not base64", { cause });
  }
  return text.slice(text.indexOf(":") + 1);
}

async function verify(token: string, keys: readonly Key[]): Promise<Verified> {
  if (token.length > LIMITS.tokenBytesMax) {
    throw new FabricError(
      "token_invalid",
      `the token has ${token.length} bytes, at most ${LIMITS.tokenBytesMax} are allowed`,
    );
  }
  let invalid: unknown;
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key.secret, { algorithms: [TOKEN_ALGORITHM] });
      const expiresMs = payload.exp === undefined ? Infinity : payload.exp * 1000;
      return { grant: grantOf(payload), expiresMs };
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new FabricError("token_expired", "the token has expired", { cause: error });
      if (!(error instanceof errors.JOSEError)) throw error;
      invalid = error;
    }
  }
  throw new FabricError("token_invalid", "the token is malformed, or not signed with this deployment's key", {
    cause: invalid,
  });
}

/** Throws `forbidden` unless the token grants the operator's routes. */
export function assertOperator(grant: Grant): void {
  if (!grant.admin) throw new FabricError("forbidden", "the token does not grant the operator's routes");
}
