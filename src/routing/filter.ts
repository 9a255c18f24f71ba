/** A filter: the set of prefixes of one subscriber, as the smallest set that matches the same topics. */
import type { Prefix } from "../protocol/topic.ts";

/** Sorted; no prefix extends another one, so at most one of them matches a topic. */
export type Filter = readonly Prefix[];

/** The filter of any prefixes: sorted by bytes, those that extend another left out. Cost: n log n. */
export function makeFilter(prefixes: Iterable<Prefix>): Filter {
  const sorted = [...new Set(prefixes)].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const out: Prefix[] = [];
  for (const prefix of sorted) {
    const last = out.at(-1);
    if (last === undefined || !prefix.startsWith(last)) out.push(prefix);
  }
  return out;
}

/** Two filters match the same topics iff their keys are equal. */
export function filterKey(filter: Filter): string {
  return filter.map((prefix) => `${prefix.length}:${prefix}`).join("");
}
