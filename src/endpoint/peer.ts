/** A peer as the rest of an endpoint sees it, whichever side has dialled. */
import type { FabricEvent } from "../protocol/event.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { NodeId } from "./node-id.ts";
import { isMatch, type Prefix, type Topic } from "../protocol/topic.ts";

/** Broker's `peer_status`. */
export type PeerStatus =
  "initialized" | "connecting" | "connected" | "peered" | "disconnected" | "reconnecting";

export interface PeerInfo {
  /** The endpoint's id, while it is or was connected; a fabric and a plain client have none. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** Where it was dialled, or where it came in. */
  readonly url: string;
  readonly status: PeerStatus;
  /** Whether this side has dialled. */
  readonly isOutbound: boolean;
}

export interface Peer {
  readonly info: PeerInfo;
  /** Of the endpoint at the other side. */
  readonly id: NodeId | undefined;
  /** Who publishes what comes from it, as readers of this endpoint's router see it. */
  readonly source: InstanceId;
  readonly isPeered: boolean;
  /** Asks the other side for the topics under these prefixes, and no others. Resolves when it has agreed, or is gone. */
  want(prefixes: ReadonlySet<Prefix>): Promise<void>;
}

/** A peer that this side has dialled: events are published to it one by one. */
export interface Outbound extends Peer {
  /** Whether the other side has asked for the topic. */
  isWanted(topic: Topic): boolean;
  /** Publishes there. Throws like the SDK's `publish`. */
  send(topic: Topic, event: FabricEvent): void;
}

/** What peers tell the endpoint. */
export interface PeerHandlers {
  /** The handshake is done: each side knows what the other one wants. */
  peered(peer: Peer): void;
  /** It was peered and is not any more. */
  lost(peer: Peer): void;
  /** The other side has asked for topics under these prefixes. */
  wanted(peer: Peer, prefixes: readonly Prefix[]): void;
  /** Something went wrong with it. */
  failed(peer: Peer, error: Error): void;
}

/** Whether a topic lies under one of the prefixes. */
export function isUnder(prefixes: Iterable<Prefix>, topic: Topic): boolean {
  for (const prefix of prefixes) if (isMatch(prefix, topic)) return true;
  return false;
}

/** What is in one set and not in another. */
export function without<T>(all: ReadonlySet<T>, others: ReadonlySet<T>): readonly T[] {
  return [...all].filter((item) => !others.has(item));
}
