/**
 * The way of a client's log batches to the loggers: a log writer in memory (ship-writer.ts), its link over the client's
 * connection. What is not acknowledged when the process dies is lost.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { newShipState } from "../logs/ship-state.ts";
import type { FrameOf, LogBatchFrame } from "../protocol/frame.ts";
import type { ClientEvents } from "./client-events.ts";
import type { ClientStatus } from "./connector.ts";
import type { LogLink, LogLinkEvents, OpenLogLink } from "./log-link.ts";
import { sealLines, type LogLines } from "./log-seal.ts";
import { randomId } from "./random-id.ts";
import { ShipWriter, type ShipJournal } from "./ship-writer.ts";
import type { Welcome } from "./welcome.ts";

/** What it needs of a client. */
export interface LogConnection {
  readonly status: ClientStatus;
  /** Throws before the first one. */
  readonly welcome: Welcome;
  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void;
  sendLog(frame: LogBatchFrame): boolean;
  resumeLog(request: Omit<FrameOf<"logResume">, "type">): boolean;
}

/** The bytes of what is unanswered are with the writer: there is nothing to keep beside them. */
const IN_MEMORY: ShipJournal = {
  record: () => undefined,
  note: () => undefined,
  bytes: () => {
    throw new FabricError("logic_error", "there is no earlier run");
  },
};

interface Life {
  readonly writer: ShipWriter;
  readonly birthMs: number;
}

export class LogDelivery {
  /** Records that were given up: of some it is not known that a logger has them. */
  dropped = 0;
  readonly #connection: LogConnection;
  #life: Life | undefined;
  /** Records offered so far: ranges of batches count them. */
  #records = 0;

  constructor(connection: LogConnection) {
    this.#connection = connection;
  }

  /** Loggers that take batches now; none while nothing is known of them. */
  get takers(): readonly string[] {
    return this.#life?.writer.takers ?? [];
  }

  /** Resolves when the lines have their numbers. Throws why they cannot have any; what was unanswered is lost then, too. */
  async send(all: readonly LogLines[], nowMs: number): Promise<void> {
    const from = this.#records;
    this.#records += all.reduce((sum, { lines }) => sum + lines.length, 0);
    const range = { source: "", from, to: this.#records };
    const parts = await Promise.all(all.map(async (lines) => sealLines(lines, range)));
    const { writer } = this.#alive(nowMs);
    try {
      await writer.offer({ ...range, context: undefined }, parts.flat());
    } catch (error) {
      const isPinned = writer.pending.some((batch) => batch.range === range);
      if (!isPinned) this.dropped += range.to - range.from;
      this.#giveUp(writer);
      throw error;
    }
  }

  /** Resolves when every line is in a logger's storage; throws like `send`. */
  async settled(): Promise<void> {
    if (this.#life === undefined) return;
    const { writer } = this.#life;
    try {
      await writer.settled();
    } catch (error) {
      this.#giveUp(writer);
      throw error;
    }
  }

  /** What has no answer yet is given up. */
  close(): void {
    this.#life?.writer.close();
    this.#life = undefined;
  }

  /** A life that is old, or that cannot go on, ends when nothing waits for it. */
  #alive(nowMs: number): Life {
    if (this.#life !== undefined) {
      const { writer, birthMs } = this.#life;
      const isIdle = writer.pending.length === 0;
      if (isIdle && (writer.failure !== undefined || nowMs - birthMs > LIMITS.logLifeMs)) this.close();
    }
    return (this.#life ??= this.#begin(nowMs));
  }

  #begin(birthMs: number): Life {
    const writer = new ShipWriter({
      journal: IN_MEMORY,
      state: newShipState(randomId(), birthMs),
      openLink: linkOver(this.#connection),
      patienceMs: undefined,
      onTaken: () => undefined,
    });
    return { writer, birthMs };
  }

  #giveUp(writer: ShipWriter): void {
    if (this.#life?.writer !== writer) return;
    for (const { records } of writer.pending) this.dropped += records;
    this.close();
  }
}

/** A link over a client that lives longer than the link. */
function linkOver(client: LogConnection): OpenLogLink {
  return (events: LogLinkEvents): LogLink => {
    const offs = [
      client.on("welcome", ({ loggers }) => events.welcome(loggers)),
      client.on("lost", () => events.lost()),
      client.on("logAck", (frame) => events.logAck(frame)),
      client.on("logRefused", (frame) => events.logRefused(frame)),
      client.on("close", (error) => events.closed(error)),
    ];
    // The writer knows its link only when this has returned.
    queueMicrotask(() => {
      if (client.status === "open") events.welcome(client.welcome.loggers);
      if (client.status === "closed") events.closed(undefined);
    });
    return {
      send: (frame) => {
        if (frame.type === "logBatch") client.sendLog(frame);
        else client.resumeLog(frame);
      },
      close: () => {
        for (const off of offs) off();
      },
    };
  };
}
