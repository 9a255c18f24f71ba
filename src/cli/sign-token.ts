/** Tokens of a deployment's key (PROTOCOL.md, K-3, K-4). */
import { SignJWT } from "jose";
import { TOKEN_ALGORITHM, type Claims, type Key } from "../protocol/access.ts";

/** A signed token; without an expiry it holds as long as the key. */
export async function signToken(key: Key, claims: Claims, expiresAt?: Date): Promise<string> {
  const jwt = new SignJWT({ ...claims })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: "JWT", ...(key.id === "" ? {} : { kid: key.id }) })
    .setIssuedAt();
  if (expiresAt !== undefined) jwt.setExpirationTime(expiresAt);
  return jwt.sign(key.secret);
}
