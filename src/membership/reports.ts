/**
 * What a view is reported as, beside the frame to those who watch: events for whoever subscribes, and lines of the
 * cluster log. Sources: Zeek's cluster framework (hello, node_up, node_down, cluster.log), spec/cluster.md §4.
 */
import { count, string } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { Departure, Member } from "../protocol/member-frame.ts";
import type { Topic } from "../protocol/topic.ts";
import type { MembershipCommit } from "./membership-state.ts";

/** Topics of the layout that reports go to. */
export interface ReportTopics {
  /** Publishing to each of these reaches the whole cluster. */
  readonly broadcast: readonly Topic[];
  /** The topic of one life of a node. */
  readonly nodeid: (nodeId: string) => Topic;
}

export interface Report {
  readonly topic: Topic;
  readonly event: FabricEvent;
}

export const LAYOUT_CHANGED = "Cluster::layout_changed";

/** The stream of the cluster log. */
export const CLUSTER_STREAM = "cluster";
/** Who writes it, where Zeek has the node. */
const WRITER = "membership";

/**
 * `Cluster::node_down` and `Cluster::node_up` to every class of nodes; `Cluster::hello` between each new node and the
 * manager, to the topics of their lives. So a join costs a handful of events, however many nodes there are.
 * @param members All nodes of the view.
 */
export function reportsOf(
  { down, up }: MembershipCommit,
  members: Iterable<Member>,
  topics: ReportTopics,
): readonly Report[] {
  // Topic by topic, so that events of one topic travel together.
  const everywhere = (name: string, nodes: readonly Departure[]): Report[] =>
    topics.broadcast.flatMap((topic) => nodes.map((node) => ({ topic, event: nodeEvent(name, node) })));
  return [
    ...everywhere("Cluster::node_down", down),
    ...hellos(up, members).map(({ from, to }) => ({
      topic: topics.nodeid(to.nodeId),
      event: nodeEvent("Cluster::hello", from),
    })),
    ...everywhere("Cluster::node_up", up),
  ];
}

interface Hello {
  readonly from: Member;
  readonly to: Member;
}

function hellos(up: readonly Member[], members: Iterable<Member>): readonly Hello[] {
  const all = [...members];
  const manager = all.find(({ nodeType }) => nodeType === "MANAGER");
  if (manager === undefined) return [];
  const isNew = up.some(({ name }) => name === manager.name);
  const others = (isNew ? all : up).filter(({ name }) => name !== manager.name);
  return others.flatMap((node) => [
    { from: node, to: manager },
    { from: manager, to: node },
  ]);
}

/**
 * Operators have changed nodes, pools or stores of the layout: told to every class of nodes, which read it again.
 * @param epoch Of the layout in force.
 */
export function layoutReports(epoch: number, topics: ReportTopics): readonly Report[] {
  const event: FabricEvent = { name: LAYOUT_CHANGED, args: [count(epoch)], metadata: [] };
  return topics.broadcast.map((topic) => ({ topic, event }));
}

function nodeEvent(name: string, node: Departure): FabricEvent {
  return { name, args: [string(node.name), string(node.nodeId)], metadata: [] };
}

/** A record of the cluster log as Zeek writes it in JSON: ts in seconds, node, message. */
export function clusterLogLine(message: string, nowMs: number): string {
  return JSON.stringify({ ts: nowMs / 1_000, node: WRITER, message });
}

/** The records of a view. */
export function clusterLogLines(
  { down, up, duplicates }: MembershipCommit,
  nowMs: number,
): readonly string[] {
  const messages = [
    ...duplicates.map(({ name, nodeId, by }) => `duplicate node ${name}: ${by} takes over from ${nodeId}`),
    ...down.map(({ name }) => `node down: ${name}`),
    ...up.map(({ name, nodeId }) => `got hello from ${name} (${nodeId})`),
  ];
  return messages.map((message) => clusterLogLine(message, nowMs));
}
