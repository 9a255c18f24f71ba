/**
 * What a deployment's keys and tokens look like (PROTOCOL.md, "Access"). Tokens are JWTs signed with HS256; signing and
 * verifying are with src/cli/token.ts and src/worker/auth.ts.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Grant } from "./grant.ts";
import { parsePrefix, type Prefix } from "./topic.ts";

/** The only algorithm: a token never chooses its own. */
export const TOKEN_ALGORITHM = "HS256";
/** A browser cannot set headers: it offers its token as a second subprotocol that begins so. */
export const TOKEN_SUBPROTOCOL = "selvedge.token.";

/** One key of a deployment. Its secret is the UTF-8 bytes of its text. */
export interface Key {
  /** The `kid` of tokens signed with it; empty for a key without one. */
  readonly id: string;
  readonly secret: Uint8Array;
}

const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Reads SELVEDGE_KEY: a secret, or several as `id:secret` with blanks between them, the one to sign with first. Throws
 * `no_key` when there is none, or one that is too short or has no proper id.
 */
export function parseKeys(text: string | undefined): readonly [Key, ...Key[]] {
  const keys = (text ?? "")
    .split(/\s+/)
    .filter((part) => part !== "")
    .map(parseKey);
  if (keys.length > LIMITS.keysMax) {
    throw new FabricError(
      "no_key",
      `SELVEDGE_KEY holds ${keys.length} keys, at most ${LIMITS.keysMax} are allowed`,
    );
  }
  if (new Set(keys.map((key) => key.id)).size < keys.length) {
    throw new FabricError("no_key", "SELVEDGE_KEY holds two keys with the same id");
  }
  const [first, ...others] = keys;
  if (first === undefined) {
    throw new FabricError(
      "no_key",
      "this deployment has no key, so it refuses everybody: run `selvedge token init`, then `wrangler secret put SELVEDGE_KEY`",
    );
  }
  return [first, ...others];
}

function parseKey(part: string): Key {
  const colon = part.indexOf(":");
  const id = part.slice(0, Math.max(colon, 0));
  if (colon >= 0 && !KEY_ID.test(id)) {
    throw new FabricError("no_key", `a key id in SELVEDGE_KEY does not match ${KEY_ID.source}`);
  }
  const secret = new TextEncoder().encode(part.slice(colon + 1));
  if (secret.length < LIMITS.keyBytesMin) {
    throw new FabricError(
      "no_key",
      `a key in SELVEDGE_KEY has ${secret.length} bytes, at least ${LIMITS.keyBytesMin} are needed`,
    );
  }
  return { id, secret };
}

/** The claims of a token beside the registered `exp` and `iat`. */
export interface Claims {
  /** Name of the node that the token speaks for. */
  readonly sub?: string;
  readonly node_type?: string;
  /** Topic prefixes, as text. */
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  /** Log streams; "*" stands for all. */
  readonly logs?: readonly string[];
  readonly admin?: boolean;
  readonly peer?: boolean;
}

/** The grant of a verified token. A claim that is missing grants nothing. Throws `token_invalid` naming the claim. */
export function grantOf(claims: Readonly<Record<string, unknown>>): Grant {
  return {
    publish: prefixes(claims, "publish"),
    subscribe: prefixes(claims, "subscribe"),
    logs: texts(claims, "logs"),
    name: text(claims, "sub"),
    nodeType: text(claims, "node_type"),
    admin: flag(claims, "admin"),
    peer: flag(claims, "peer"),
  };
}

/** May do everything: what an open fabric gives to everybody. */
export const FULL_GRANT: Grant = {
  publish: [parsePrefix("")],
  subscribe: [parsePrefix("")],
  logs: ["*"],
  name: undefined,
  nodeType: undefined,
  admin: true,
  peer: true,
};

function invalid(claim: string, wanted: string): never {
  throw new FabricError("token_invalid", `the claim \`${claim}\` must be ${wanted}`);
}

function text(claims: Readonly<Record<string, unknown>>, claim: string): string | undefined {
  const value = claims[claim];
  return value === undefined || typeof value === "string" ? value : invalid(claim, "a string");
}

function flag(claims: Readonly<Record<string, unknown>>, claim: string): boolean {
  const value = claims[claim] ?? false;
  return typeof value === "boolean" ? value : invalid(claim, "true or false");
}

function texts(claims: Readonly<Record<string, unknown>>, claim: string): readonly string[] {
  const value = claims[claim] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    return invalid(claim, "an array of strings");
  }
  return value.length <= LIMITS.claimItemsMax
    ? value
    : invalid(claim, `an array of at most ${LIMITS.claimItemsMax}`);
}

function prefixes(claims: Readonly<Record<string, unknown>>, claim: string): readonly Prefix[] {
  return texts(claims, claim).map(parsePrefix);
}
