/** Verified tokens, so that a signature is checked once an isolate and not once a request. */
import { LIMITS } from "../base/limits.ts";
import type { Grant } from "../protocol/grant.ts";

export interface Verified {
  readonly grant: Grant;
  /** Ms since 1970; Infinity for a token that does not expire. */
  readonly expiresMs: number;
}

export class TokenCache {
  #keyText: string | undefined;
  /** The oldest first. */
  readonly #verified = new Map<string, Verified>();

  /** Forgets everything when the deployment's keys are others than before. */
  useKeys(keyText: string | undefined): void {
    if (keyText === this.#keyText) return;
    this.#keyText = keyText;
    this.#verified.clear();
  }

  /** The grant of a token that was verified and still holds. */
  get(token: string, nowMs: number): Grant | undefined {
    const verified = this.#verified.get(token);
    return verified !== undefined && nowMs < verified.expiresMs ? verified.grant : undefined;
  }

  /** Remembers a token; past the bound the one remembered first is forgotten. */
  add(token: string, verified: Verified): void {
    this.#verified.delete(token);
    this.#verified.set(token, verified);
    if (this.#verified.size <= LIMITS.tokenCacheMax) return;
    const oldest = this.#verified.keys().next();
    if (oldest.done !== true) this.#verified.delete(oldest.value);
  }
}
