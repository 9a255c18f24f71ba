/**
 * Things that the whole cluster knows: the worker that sees one first says so to the proxy that has it by HRW, which
 * logs it once and tells all workers, and the other proxies, which may have it one day. Source: Zeek's known-hosts and known-services scripts.
 */
import type { Value } from "../data/value.ts";
import type { Script } from "../script/define.ts";
import { defineScript } from "../script/define.ts";
import type { Argument } from "../sdk/values.ts";
import type { Zeek } from "../script/zeek.ts";
import { textOf } from "./text.ts";

/** A kind of thing to know. */
export interface Known {
  /** Names the script and the log stream. */
  readonly stream: string;
  /** `found` goes to a proxy, `add` from it to all others: one thing, or those that a new node does not know yet. */
  readonly found: string;
  readonly add: string;
  /** Raises `seen` for what this worker has seen. */
  watch(zeek: Zeek, seen: (key: string, thing: Argument) => void): void;
  /** The record of the log. */
  record(thing: Value): Readonly<Record<string, Argument>>;
}

/** Things that one event tells a node that has just come. */
const ADD_AT_ONCE = 500;
const PREFIX = "known/";
/**
 * When the other proxies are told, ms: behind the record's way to its logger. Who dies before leaves its events to
 * another proxy, and that must not take the thing for one that is logged.
 */
const TELL_PROXIES_MS = 5_000;
/** Who is told what is known. */
const TOLD = ["WORKER", "PROXY"] as const;

export function knownScript(known: Known): Script {
  const tell = `${known.found}_tell`;
  return defineScript(known.stream, (zeek) => {
    const learn = (key: string, thing: Value) => {
      if (zeek.state.has(PREFIX + key)) return false;
      zeek.state.set(PREFIX + key, thing);
      return true;
    };
    const isWorker = () => zeek.localNodeType() === "WORKER";
    known.watch(zeek, (key, thing) => {
      if (isWorker() && !zeek.state.has(PREFIX + key)) zeek.publishHrw("proxy", key, known.found, key, thing);
    });
    zeek.on(
      known.found,
      (key, thing) => {
        if (!learn(textOf(key), thing)) return;
        zeek.log(known.stream, { ts: zeek.networkTime(), ...known.record(thing) });
        zeek.publish(zeek.classTopic("WORKER"), known.add, [[key, thing]]);
        zeek.schedule(TELL_PROXIES_MS, tell, key, thing);
      },
      { types: ["string", "any"] },
    );
    zeek.on(tell, (key, thing) => void zeek.publish(zeek.classTopic("PROXY"), known.add, [[key, thing]]), {
      types: ["string", "any"],
    });
    zeek.on(
      known.add,
      (things) => {
        for (const entry of things.elements) {
          if (entry.type !== "vector" || entry.elements.length !== 2) continue;
          const [key, thing] = entry.elements;
          learn(textOf(key!), thing!);
        }
      },
      { types: ["vector"] },
    );
    zeek.on("Cluster::node_up", (name, id) => {
      const node = zeek.nodes.get(textOf(name));
      if (zeek.localNodeType() !== "PROXY" || !TOLD.some((type) => type === node?.nodeType)) return;
      const all = zeek.state
        .entries(PREFIX)
        .map(([key, thing]) => [key.slice(PREFIX.length), thing] as const);
      for (let i = 0; i < all.length; i += ADD_AT_ONCE) {
        zeek.publish(zeek.nodeidTopic(textOf(id)), known.add, all.slice(i, i + ADD_AT_ONCE));
      }
    });
  });
}
