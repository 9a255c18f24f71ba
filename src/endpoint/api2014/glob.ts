/**
 * Topics with `*`, which stands for any run of bytes, dots included, any number of times; the whole topic has to match.
 * On the wire only prefixes exist: what a peer is asked for is the part before the first `*`.
 */
import { parsePrefix, type Prefix } from "../../protocol/topic.ts";

export class Glob {
  /** As it was given. */
  readonly text: string;
  /** Every topic that matches begins with it. */
  readonly prefix: Prefix;
  readonly #parts: readonly string[];

  /** Throws `invalid_topic_key` when it is too long. */
  constructor(text: string) {
    this.text = text;
    this.#parts = text.split("*");
    this.prefix = parsePrefix(this.#parts[0]!);
  }

  /** Whether a topic, as text, matches. Cost: the length of the topic for each `*`. */
  matches(topic: string): boolean {
    const parts = this.#parts;
    const first = parts[0]!;
    if (parts.length === 1) return topic === first;
    const last = parts.at(-1)!;
    if (!topic.startsWith(first) || !topic.endsWith(last)) return false;
    const end = topic.length - last.length;
    let at = first.length;
    // The leftmost place for each part leaves most room for the next one.
    for (const part of parts.slice(1, -1)) {
      const found = topic.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return at <= end;
  }
}
