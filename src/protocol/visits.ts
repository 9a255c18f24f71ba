/**
 * The routers that a subscription visits beside those that it spans: former owners of its topics, for what they keep of
 * them, and to learn where the reader stands there (rule 8). A visit ends when all that was there has come.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Position } from "./frame.ts";
import { isKept, mayHold, routerOf } from "./stream.ts";
import type { TopicPlacement } from "./topic-placement.ts";
import type { Prefix } from "./topic.ts";

export class Visits {
  readonly #placement: TopicPlacement;
  /** What is subscribed to at a router for the sake of a visit. */
  readonly #prefixes = new Map<string, Set<Prefix>>();

  constructor(placement: TopicPlacement) {
    this.#placement = placement;
  }

  /**
   * Begins the visits of a subscription. Answers with the prefixes to ask for, by router. Throws `too_many`.
   * @param positions Where a reader that comes back stands: each names a router, also one that no table knows any more.
   */
  begin(
    prefixes: readonly Prefix[],
    positions: readonly Position[],
  ): readonly { readonly router: string; readonly prefix: Prefix }[] {
    const visits = prefixes.flatMap((prefix) => this.#of(prefix, positions));
    const strangers = new Set(visits.map(({ router }) => router).filter((r) => !this.#placement.has(r)));
    if (strangers.size > LIMITS.formerRoutersMax) {
      throw new FabricError("too_many", `at most ${LIMITS.formerRoutersMax} former routers may be visited`);
    }
    for (const { router, prefix } of visits) {
      const own = this.#prefixes.get(router);
      if (own === undefined) this.#prefixes.set(router, new Set([prefix]));
      else own.add(prefix);
    }
    return visits;
  }

  /** The reader wants these no longer. Answers with the routers that are visited for them. */
  giveUp(prefixes: readonly Prefix[]): readonly string[] {
    const routers: string[] = [];
    for (const [router, own] of this.#prefixes) {
      if (!prefixes.some((prefix) => own.delete(prefix))) continue;
      for (const prefix of prefixes) own.delete(prefix);
      if (own.size === 0) this.#prefixes.delete(router);
      routers.push(router);
    }
    return routers;
  }

  isUnderWay(router: string): boolean {
    return this.#prefixes.has(router);
  }

  /** All that was there has come. Answers with what is not to be asked for any longer. */
  end(router: string): readonly Prefix[] {
    const prefixes = [...(this.#prefixes.get(router) ?? [])];
    this.#prefixes.delete(router);
    return prefixes;
  }

  #of(prefix: Prefix, positions: readonly Position[]): { router: string; prefix: Prefix }[] {
    const routers = new Set(this.#placement.former(prefix));
    for (const { router: stream } of positions) {
      const router = routerOf(stream);
      // What is not kept is worth a visit only for the gap, which a router that is still there tells its readers anyway.
      if (isKept(stream) ? mayHold(stream, prefix) : !this.#placement.has(router)) routers.add(router);
    }
    for (const router of this.#placement.span(prefix)) routers.delete(router);
    return [...routers].map((router) => ({ router, prefix }));
  }
}
