/** What the clients of the simulated world need of it. */
import { formatDataMessage } from "../../../src/protocol/data-message.ts";
import { textOf } from "../../../src/protocol/topic.ts";
import type { LinkOptions } from "../kit/link.ts";
import type { World } from "../kit/world.ts";
import type { Layout, Release } from "./layout.ts";
import { eventOf, type Ledger, type Published } from "./ledger.ts";
import type { SessionHost } from "./session-host.ts";

export interface Surroundings {
  readonly world: World;
  readonly layout: Layout;
  readonly ledger: Ledger;
  readonly link: LinkOptions;
  /** In a calm world nothing is lost, so nobody may be told that something was. */
  readonly isCalm: boolean;
  /** What an isolate runs that takes a new client. */
  someRelease(): Release;
  nativeSession(): SessionHost;
  jsonSession(release: Release): SessionHost;
}

export const TOPICS = ["a/x", "a/y", "a/b/z", "b", "b/1", "c"];
export const PREFIXES = ["", "a/", "a/b/", "b", "c", "nobody"];

/** An event as a JSON v1 message. */
export function textOfEvent({ publisher, number, topic }: Published): string {
  return formatDataMessage(textOf(topic), eventOf(publisher, number));
}
