/** Where topics belong: implemented by src/routing/placement.ts. */
import type { Prefix, Topic } from "./topic.ts";

export interface TopicPlacement {
  /** The router that owns the topic. */
  owner(topic: Topic): string;
  /** Every router that may see topics under the prefix. */
  span(prefix: Prefix): readonly string[];
  /** Whether the table has the router. */
  has(router: string): boolean;
  /** Routers that owned topics under the prefix in an earlier table, as far as the layout still names them. */
  former(prefix: Prefix): readonly string[];
  /** Every other router that may have owned the topic in an earlier table. */
  formerOwners(topic: Topic): readonly string[];
}
