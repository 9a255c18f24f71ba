/**
 * Events for one node of a pool (rule 33): each goes to the readers whose subscription is its very topic, and its sender
 * is told when one of them has consumed it, or that nobody will. What was handled is remembered for a while, so that a
 * sender that lost its connection, or its session, is told again, and the event not sent again.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { InstanceId, Position } from "../protocol/frame.ts";
import { textOf, type Topic } from "../protocol/topic.ts";
import type { Dispatch } from "./awaited.ts";
import type { HeldPublish } from "./held-publishes.ts";
import type { Output } from "./output.ts";
import type { Chain } from "./trunk.ts";

interface Open extends Dispatch {
  readonly topic: Topic;
  /** The trunk that brought it, or that asked last. */
  sender: string;
  /** Readers that may still consume it. */
  readers: number;
}

export class Dispatches {
  readonly #out: Output;
  readonly #open = new Map<string, Open>();
  /** Topics whose readers have handled what, those of long ago in front. */
  readonly #handled = new Map<string, Topic>();
  /** What senders are to be told with this turn. */
  readonly #done = new Map<string, { readonly id: number; readonly by: string }[]>();

  constructor(out: Output) {
    this.#out = out;
  }

  /**
   * Whether the event was taken before: then its sender is told what became of it, or will be. A new choice of the
   * sender's takes the place of one that is under way, also when another life of the same node is chosen.
   */
  isKnown(publish: HeldPublish): boolean {
    const key = keyOf(publish);
    const { trunk, frame } = publish;
    const by = this.#handled.get(key);
    if (by !== undefined) {
      this.#tell(trunk, frame.seq, by);
      return true;
    }
    const open = this.#open.get(key);
    if (open === undefined) return false;
    if (!frame.repeat) {
      this.#open.delete(key);
      return false;
    }
    open.sender = trunk;
    return true;
  }

  /** It goes to these readers, at this place of the router. */
  sent(publish: HeldPublish, chains: readonly Chain[], { incarnation, seq }: Position): void {
    const key = keyOf(publish);
    const { trunk, frame } = publish;
    const isOpen = () => this.#open.get(key) === open;
    const open: Open = {
      topic: topicOf(publish),
      sender: trunk,
      readers: chains.length,
      handled: () => {
        if (!isOpen()) return;
        this.#open.delete(key);
        this.#remember(key, open.topic);
        this.#tell(open.sender, frame.seq, open.topic);
      },
      lost: () => {
        if (--open.readers > 0 || !isOpen()) return;
        this.#open.delete(key);
        this.#refuse(open.sender, frame.seq, new FabricError("unhandled", `${textOf(open.topic)} is gone`));
      },
    };
    this.#open.set(key, open);
    for (const { trunk: reader, stream } of chains) reader.awaited.add(stream, { incarnation, seq }, open);
  }

  /** Nobody subscribes to its topic: it goes nowhere. */
  noReceiver(publish: HeldPublish): void {
    const message = `nobody is at ${textOf(topicOf(publish))}`;
    this.#refuse(publish.trunk, publish.frame.seq, new FabricError("no_receiver", message));
  }

  /** Tells senders, at the end of a turn, what was handled in it. */
  tellAll(): void {
    for (const [trunk, done] of this.#done) this.#out.frame(trunk, { type: "handled", done });
    this.#done.clear();
  }

  #tell(trunk: string, id: number, by: Topic): void {
    const entry = { id, by: textOf(by) };
    const done = this.#done.get(trunk);
    if (done === undefined) this.#done.set(trunk, [entry]);
    else done.push(entry);
  }

  #refuse(trunk: string, id: number, { code, message }: FabricError): void {
    this.#out.frame(trunk, { type: "unhandled", id, code, message });
  }

  #remember(key: string, by: Topic): void {
    this.#handled.set(key, by);
    if (this.#handled.size <= LIMITS.handledMax) return;
    const [oldest] = this.#handled.keys();
    this.#handled.delete(oldest!);
  }
}

/**
 * The publisher that receivers see of all pool events of a router: numbered as the router does, so that an event that
 * was sent before to another node is no repeat; another one for each incarnation, since those number anew (rule 5).
 */
export function poolPublisher(incarnation: number): InstanceId {
  const bytes = [24, 16, 8, 0].map((shift) => String.fromCharCode((incarnation >>> shift) & 0xff));
  return `pool events\0${bytes.join("")}`;
}

/** The sender's instance has 16 chars, always. */
function keyOf({ instance, frame }: HeldPublish): string {
  return `${instance}${frame.seq}`;
}

function topicOf({ frame }: HeldPublish): Topic {
  return frame.segments[0]!.topic;
}
