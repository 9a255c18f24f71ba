/** Retention in the layout: how long the events under a prefix are kept for readers that come back (rules.md 4, 11). */
import { LIMITS } from "../base/limits.ts";
import { parsePrefix, type Prefix } from "../protocol/topic.ts";
import { assertUnique, integer, invalid, list, record, text } from "./layout-fields.ts";

/** Events are kept until one of the bounds is reached. */
export interface Retention {
  readonly prefix: Prefix;
  readonly seconds: number;
  readonly bytes: number;
  readonly events: number;
}

/** One a prefix. At least one of its bounds is given; the others are as large as they may be. Throws `invalid_layout`. */
export function parseRetention(input: unknown): readonly Retention[] {
  const all = list(input, "retention", LIMITS.retentionsMax).map((item, i) => {
    const field = `retention[${i}]`;
    const entry = record(item, field);
    if (["seconds", "bytes", "events"].every((bound) => entry[bound] === undefined)) {
      invalid(`${field} must have seconds, bytes or events`);
    }
    return {
      prefix: parsePrefix(text(entry["prefix"], `${field}.prefix`)),
      seconds: bounded(entry["seconds"], `${field}.seconds`, LIMITS.retentionSecondsMax),
      bytes: bounded(entry["bytes"], `${field}.bytes`, LIMITS.retentionBytesMax),
      events: bounded(entry["events"], `${field}.events`, LIMITS.retentionEventsMax),
    };
  });
  assertUnique(
    all.map(({ prefix }) => prefix),
    "retention prefixes",
  );
  return all;
}

function bounded(value: unknown, field: string, max: number): number {
  const n = integer(value ?? max, field, 1);
  return n <= max ? n : invalid(`${field} must be at most ${max}`);
}
