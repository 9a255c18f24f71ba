/**
 * The readers that are sent what is kept for them: a bounded amount a turn, as far as their credit goes, and in the
 * turn in which nothing is left they go live (rule 11).
 */
import { LIMITS } from "../base/limits.ts";
import { encodeFrame } from "../protocol/frame-codec.ts";
import { framesEvents, type Gap } from "../protocol/frame.ts";
import type { History } from "../protocol/history.ts";
import { isMatch, type Prefix, type Topic } from "../protocol/topic.ts";
import { pickLast, pickLastPerTopic, readTail } from "./history-tail.ts";
import type { KeptLog } from "./kept-log.ts";
import { isBefore, type Place } from "./kept.ts";
import type { OutboxDelivery } from "./outbox.ts";
import { Replay, type HistorySource, type Piece } from "./replay.ts";
import type { Chain } from "./trunk.ts";

export interface ReplayPort {
  /** The outbox of the chain's trunk is ready for it. */
  deliver(chain: Chain, delivery: OutboxDelivery): void;
  gap(chain: Chain, gap: Gap): void;
  /** Everything is sent; the chain is to be made live. */
  ended(chain: Chain, replay: Replay): void;
}

export class Replays {
  readonly #chains = new Set<Chain>();

  get isEmpty(): boolean {
    return this.#chains.size === 0;
  }

  /** Chains that are not live yet. */
  get chains(): Iterable<Chain> {
    return this.#chains;
  }

  /** Whether `run` has something to do. */
  get isReady(): boolean {
    for (const { trunk } of this.#chains) if (trunk.outbox.isReady) return true;
    return false;
  }

  /** Begins a replay of a chain that is not live any more. */
  begin(chain: Chain, log: KeptLog, at: Place, isAwaited: boolean): void {
    chain.replay = new Replay(log, chain.stream, at, isAwaited);
    this.#chains.add(chain);
  }

  /** A reader that is replayed to asks for a history of some topics, in front of all else. */
  addHistory(chain: Chain, log: KeptLog, history: History, prefixes: readonly Prefix[]): void {
    const replay = chain.replay!;
    const takes = (topic: Topic) =>
      prefixes.some((prefix) => isMatch(prefix, topic)) && chain.trunk.takes(topic);
    replay.addHistory(sourceOf(chain.stream, log, history, replay.at, takes));
  }

  forget(chain: Chain): void {
    chain.replay = undefined;
    this.#chains.delete(chain);
  }

  /** Sends what may be sent, one piece after another, each reader in its turn. */
  run(port: ReplayPort): void {
    let left: number = LIMITS.replayTurnBytes;
    const read = (bytes: number) => void (left -= bytes);
    let isMoving = true;
    while (isMoving) {
      isMoving = false;
      // A copy: who has been served goes to the end of the line.
      const line = [...this.#chains];
      for (const chain of line) {
        if (left <= 0) return;
        if (!chain.trunk.outbox.isReady) continue;
        isMoving = true;
        this.#step(chain, chain.replay!, port, read);
      }
    }
  }

  #step(chain: Chain, replay: Replay, port: ReplayPort, read: (bytes: number) => void): void {
    this.#chains.delete(chain);
    const step = replay.next((topic) => chain.trunk.takes(topic), read);
    if (step.type === "end") {
      chain.replay = undefined;
      return port.ended(chain, replay);
    }
    this.#chains.add(chain);
    if (step.type === "gap") port.gap(chain, step.gap);
    else if (step.type === "piece") port.deliver(chain, deliveryOf(chain.stream, step));
  }
}

function deliveryOf(stream: string, { incarnation, prev, replay, frames }: Piece): OutboxDelivery {
  const bytes = encodeFrame({ type: "deliver", router: stream, incarnation, prev, frames, replay });
  const last = frames.at(-1)!.seq;
  const isHistory = replay === "history";
  return { stream, bytes, incarnation, prev, last, events: framesEvents(frames), isHistory };
}

/** Where a history begins. */
function sourceOf(
  stream: string,
  log: KeptLog,
  history: History,
  until: Place,
  takes: (topic: Topic) => boolean,
): HistorySource {
  const base = { takes, until, frames: [], isComplete: true };
  switch (history.type) {
    case "positions": {
      const after = history.positions.find(({ router }) => router === stream);
      if (after === undefined) return { ...base, from: undefined };
      const isComplete = log.expired === undefined || !isBefore(after, log.expired);
      return { ...base, from: { id: log.after(after), after }, isComplete };
    }
    case "since":
      return { ...base, from: { id: log.since(history.sinceMs), after: { incarnation: 0, seq: 0 } } };
    case "last":
      return { ...base, from: undefined, ...readTail(log, until, takes, pickLast(history.events)) };
    case "lastPerTopic":
      return { ...base, from: undefined, ...readTail(log, until, takes, pickLastPerTopic()) };
  }
}
