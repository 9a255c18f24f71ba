/**
 * Notices: any node raises one, the manager decides once what is done about it. The same identifier is not told again
 * while it is suppressed, and the other nodes know that, too. Source: Zeek's notice framework.
 */
import { none, string, type Value } from "../data/value.ts";
import { formatAddress } from "../data/address.ts";
import { defineScript, type Script } from "../script/define.ts";
import type { ArgumentType, Zeek } from "../script/zeek.ts";
import { interval, type Argument } from "../sdk/values.ts";
import { textOf } from "./text.ts";
import { Deliveries, type Channels } from "./notice-deliveries.ts";

/** What the manager may do about a notice. `drop` blocks its source: an event for NetControl. */
export type NoticeAction = "log" | "email" | "page" | "webhook" | "drop";

export interface Notice {
  /** The type, an enum: `Scan::Address_Scan`. */
  readonly note: string;
  readonly msg: string;
  readonly sub: string;
  /** Text of an address; "" when there is none. */
  readonly src: string;
  /** What makes two notices of a type the same; "" for one that is never suppressed. */
  readonly identifier: string;
  readonly suppressForMs: number;
}

export interface NoticeOptions {
  /** Decides about each notice; by default it is logged. */
  readonly policy?: (notice: Notice) => readonly NoticeAction[];
  /** How e-mail, pages and webhooks leave; an action without its channel is reported. */
  readonly channels?: Channels;
  /** How long NetControl blocks a source, ms. */
  readonly dropMs?: number;
}

/** What a script gives for a notice. */
export interface RaisedNotice {
  readonly note: Argument;
  readonly msg: string;
  readonly sub?: string;
  readonly src?: Argument;
  readonly identifier?: string;
  /** By default an hour. */
  readonly suppressForMs?: number;
}

const NETCONTROL_TOPIC = "zeek/netcontrol/drop";
const RAISE = "Notice::raise";
const CLUSTER_NOTICE = "Notice::cluster_notice";
const BEGIN = "Notice::begin_suppression";
const END = "Notice::end_suppression";
const TYPES = [
  "enum-value",
  "string",
  "string",
  "any",
  "string",
  "timespan",
] as const satisfies ArgumentType[];
const SUPPRESS_MS = 3_600_000;
const DROP_MS = 600_000;
const NS_PER_MS = 1_000_000n;

/** Raises a notice, on any node. */
export function raiseNotice(zeek: Zeek, notice: RaisedNotice): void {
  const { note, msg, sub = "", src = none(), identifier = "", suppressForMs = SUPPRESS_MS } = notice;
  zeek.event(RAISE, note, msg, sub, src, identifier, interval(suppressForMs));
}

export function noticeScript(options: NoticeOptions = {}): Script {
  const { policy = () => ["log"] as const, channels = {}, dropMs = DROP_MS } = options;
  return defineScript("notice", (zeek) => {
    const deliveries = new Deliveries(zeek, channels);
    const decides = () => !zeek.isEnabled() || zeek.localNodeType() === "MANAGER";
    zeek.on(
      RAISE,
      (...args) => {
        if (isSuppressed(zeek, noticeOf(args))) return;
        if (decides()) decide(zeek, args);
        else zeek.publish(zeek.classTopic("MANAGER"), CLUSTER_NOTICE, ...args);
      },
      { types: TYPES },
    );
    zeek.on(CLUSTER_NOTICE, (...args) => void (decides() && decide(zeek, args)), { types: TYPES });
    zeek.on(BEGIN, (key, forMs) => suppress(zeek, textOf(key), Number(forMs.ns / NS_PER_MS)), {
      types: ["string", "timespan"],
    });
    zeek.on(END, (key) => void zeek.state.delete(textOf(key)), { types: ["string"] });

    function decide(on: Zeek, args: readonly Value[]): void {
      const notice = noticeOf(args);
      if (isSuppressed(on, notice)) return;
      const actions = policy(notice);
      for (const action of actions) act(on, action, notice, args[3]!);
      if (actions.includes("log")) on.log("notice", { ts: on.networkTime(), ...recordOf(notice, actions) });
      if (notice.identifier === "" || notice.suppressForMs === 0) return;
      const key = keyOf(notice);
      suppress(on, key, notice.suppressForMs);
      for (const type of ["WORKER", "PROXY"] as const) {
        on.publish(on.classTopic(type), BEGIN, key, interval(notice.suppressForMs));
      }
    }

    function act(on: Zeek, action: NoticeAction, notice: Notice, src: Value): void {
      if (action === "log") return;
      if (action !== "drop") return deliveries.send(action, notice);
      if (src.type === "none") on.clusterLog(`notice ${notice.note} has no source to drop`);
      else on.publish(NETCONTROL_TOPIC, "NetControl::drop_address", src, interval(dropMs), notice.msg);
    }
  });
}

function noticeOf(args: readonly Value[]): Notice {
  const [note, msg, sub, src, identifier, suppressFor] = args;
  return {
    note: textOf(note),
    msg: textOf(msg),
    sub: textOf(sub),
    src: src?.type === "address" ? formatAddress(src.bytes) : "",
    identifier: textOf(identifier),
    suppressForMs: suppressFor?.type === "timespan" ? Number(suppressFor.ns / NS_PER_MS) : 0,
  };
}

function recordOf(notice: Notice, actions: readonly NoticeAction[]): Readonly<Record<string, Argument>> {
  const { note, msg, sub, src, suppressForMs } = notice;
  return {
    note,
    msg,
    sub: sub === "" ? null : sub,
    src: src === "" ? null : src,
    actions: actions.map((action) => string(`Notice::ACTION_${action.toUpperCase()}`)),
    suppress_for: interval(suppressForMs),
  };
}

const keyOf = ({ note, identifier }: Notice) => `suppressed/${note}/${identifier}`;

function isSuppressed(zeek: Zeek, notice: Notice): boolean {
  return notice.identifier !== "" && zeek.state.has(keyOf(notice));
}

function suppress(zeek: Zeek, key: string, forMs: number): void {
  if (!zeek.state.has(key)) zeek.schedule(forMs, END, key);
  zeek.state.set(key, zeek.networkTime());
}
