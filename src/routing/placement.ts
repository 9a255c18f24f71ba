/**
 * Which router owns a topic, and which routers a subscription spans. A topic belongs to the longest prefix of the
 * table that matches it; a subscription is opened at the owner of its prefix and at every router whose prefix
 * extends it (design.md, TopicRouter).
 */
import { assert } from "../base/assert.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";

/** One row of the router table. */
export interface Route {
  readonly name: string;
  readonly prefix: Prefix;
}

export class Placement {
  readonly routes: readonly Route[];
  readonly version: string;
  /** Longest prefix first. */
  readonly #byLength: readonly Route[];

  readonly #former: readonly Route[];

  /**
   * The table must hold the empty prefix (src/cluster/layout.ts checks it).
   * @param former Rows of earlier tables whose routers may still keep something.
   */
  constructor(routes: readonly Route[], former: readonly Route[] = []) {
    this.routes = routes;
    this.#former = former;
    this.version = tableVersion(routes, former);
    this.#byLength = routes.toSorted((a, b) => b.prefix.length - a.prefix.length);
    assert(this.#byLength.at(-1)?.prefix === "", "the router table holds the empty prefix");
  }

  /** The router that owns the topic. Cost: the number of routers; callers cache by topic. */
  owner(topic: Topic | Prefix): string {
    const route = this.#byLength.find((r) => topic.startsWith(r.prefix));
    assert(route !== undefined, "every topic has an owner");
    return route.name;
  }

  /** Every router that may see topics under the prefix. */
  span(prefix: Prefix): readonly string[] {
    const names = new Set([this.owner(prefix)]);
    for (const route of this.routes) if (route.prefix.startsWith(prefix)) names.add(route.name);
    return [...names];
  }

  /** Every router that may have seen topics under the prefix in an earlier table. */
  former(prefix: Prefix): readonly string[] {
    const rows = this.#former.filter((r) => r.prefix.startsWith(prefix) || prefix.startsWith(r.prefix));
    return [...new Set(rows.map(({ name }) => name))];
  }

  /** Every other router that may have owned the topic in an earlier table. */
  formerOwners(topic: Topic): readonly string[] {
    if (this.#former.length === 0) return [];
    const rows = this.#former.filter(({ prefix }) => topic.startsWith(prefix));
    const owner = this.owner(topic);
    return [...new Set(rows.map(({ name }) => name))].filter((name) => name !== owner);
  }

  /** Whether the table has the router. */
  has(router: string): boolean {
    return this.routes.some(({ name }) => name === router);
  }
}

/** The version of a router table: equal iff the tables are, and what came before them (rule 8). */
export function tableVersion(routes: readonly Route[], former: readonly Route[] = []): string {
  const rows = (all: readonly Route[]) => all.map((route) => [route.name, route.prefix]);
  return JSON.stringify(former.length === 0 ? rows(routes) : [rows(routes), rows(former)]);
}
