/** Keys and tokens for tests. */
import { SignJWT } from "jose";
import type { Claims } from "../../src/protocol/access.ts";

/** A key of a deployment, as in SELVEDGE_KEY. */
export const TEST_KEY = "test:0123456789abcdef0123456789abcdef0123456789a";

/** A token signed with a key (`id:secret` or a secret alone). `exp` and `iat` are seconds since 1970. */
export async function signToken(
  claims: Claims & { readonly exp?: number },
  key = TEST_KEY,
  alg = "HS256",
): Promise<string> {
  const secret = new TextEncoder().encode(key.slice(key.indexOf(":") + 1));
  return new SignJWT({ ...claims }).setProtectedHeader({ alg }).setIssuedAt().sign(secret);
}

/** A token without a signature: `alg: none`. */
export function unsignedToken(claims: Claims): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}
