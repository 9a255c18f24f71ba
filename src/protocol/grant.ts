/** What a peer may do. Made by src/worker/auth.ts from a verified token; engines only ask. */
import { isMatch, type Prefix, type Topic } from "./topic.ts";

export interface Grant {
  /** Topics under these prefixes may be published. */
  readonly publish: readonly Prefix[];
  /** Prefixes that extend these may be subscribed. */
  readonly subscribe: readonly Prefix[];
  /** Log streams that may be written and read; "*" stands for all, `files/…` for files whose paths begin so. */
  readonly logs: readonly string[];
  /** Name and type of the node that the token speaks for, if any. */
  readonly name: string | undefined;
  readonly nodeType: string | undefined;
  /** May use the operator's routes: flush, metrics. */
  readonly admin: boolean;
  /** May carry on what others published: a peering of fabrics. */
  readonly peer: boolean;
}

/** Whether the peer may publish to the topic. */
export function mayPublish(grant: Grant, topic: Topic): boolean {
  return grant.publish.some((prefix) => isMatch(prefix, topic));
}

/** Whether the peer may subscribe to the prefix: everything under it must be granted. */
export function maySubscribe(grant: Grant, prefix: Prefix): boolean {
  return grant.subscribe.some((granted) => prefix.startsWith(granted));
}

/** Where names of files' streams begin: no log stream has a slash in its name. */
export const FILE_STREAMS = "files/";

/** Whether the peer may write and read the stream: a log stream, or a file below a path that is granted. */
export function mayLog(grant: Grant, stream: string): boolean {
  const isAbove = (entry: string) => entry.startsWith(FILE_STREAMS) && stream.startsWith(entry);
  return grant.logs.some((entry) => entry === "*" || entry === stream || isAbove(entry));
}
