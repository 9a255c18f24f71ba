/** What the bench of joins asks of its load processes, and what they answer. Times are ms since 1970. */

export interface JoinPlan {
  /** Of the fabric's own socket, `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** Nodes of all processes together. */
  readonly nodes: number;
  /** The share of this process: numbers `first`, `first + step`, … */
  readonly first: number;
  readonly step: number;
  /** Node n of `nodes` begins to connect at `startMs + overMs * n / nodes`. */
  readonly startMs: number;
  readonly overMs: number;
  /** Connections of this process that only watch. */
  readonly watchers: number;
  /** When a process gives up. */
  readonly endMs: number;
}

export interface JoinResult {
  readonly joined: number;
  /** When the last of its nodes was joined. */
  readonly lastJoinedMs: number;
  /** From the first byte of a connection to its node's `joined`, by node, ms. */
  readonly tookMs: readonly number[];
  /** Who watches, and who of them has seen all nodes. */
  readonly watchers: number;
  readonly seen: number;
  /** When the last of them had. */
  readonly lastSeenMs: number;
  /** Views that they got, bytes of these, and departures told in them. */
  readonly frames: number;
  readonly bytes: number;
  readonly departures: number;
  /** Connections that ended, with what the fabric said. */
  readonly closed: readonly string[];
}
