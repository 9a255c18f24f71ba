/** A pool of loggers in memory behind the shipper's link: takes batches as rule 17 says and keeps their records. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { FabricError } from "../../../src/base/errors.ts";
import type { LogLink, LogLinkEvents, OpenLogLink } from "../../../src/sdk/log-link.ts";
import type { FrameOf, LogBatchFrame, LogMark } from "../../../src/protocol/frame.ts";

const NONE: LogMark = { number: 0, hash: new Uint8Array(), range: undefined };

export class MemoryFabric {
  /** Lines by stream, in the order of acceptance. */
  readonly records: Record<string, string[]> = {};
  readonly batches: LogBatchFrame[] = [];
  /** Frames that are lost on their way, by count from now on. */
  dropFrames = 0;
  /** Refuses every batch with this code while it is set. */
  refusal: "unavailable" | "forbidden" | undefined;
  readonly #marks = new Map<string, LogMark>();
  #events: LogLinkEvents | undefined;

  /** To be given to the shipper. */
  readonly open: OpenLogLink = (events) => {
    this.#events = events;
    this.#soon(() => events.welcome(["a", "b"].map((name) => ({ name, enabled: true }))));
    return {
      send: (frame) => this.#soon(() => this.#answer(events, frame)),
      close: () => (this.#events = undefined),
    } satisfies LogLink;
  };

  /** The connection goes and comes back; what was on its way is lost. */
  reconnect(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.lost();
    this.#soon(() => {
      this.#events = events;
      events?.welcome(["a", "b"].map((name) => ({ name, enabled: true })));
    });
  }

  /** The fabric refuses the client. */
  refuse(): void {
    this.#events?.closed(new FabricError("token_expired", "the token has expired"));
  }

  #soon(step: () => void): void {
    setImmediate(step);
  }

  #answer(events: LogLinkEvents, frame: LogBatchFrame | FrameOf<"logResume">): void {
    if (this.#events !== events) return;
    if (this.dropFrames > 0 && frame.type === "logBatch") {
      this.dropFrames--;
      return this.reconnect();
    }
    const { logger, writer } = frame;
    const key = `${writer}/${logger}`;
    const last = this.#marks.get(key) ?? NONE;
    if (frame.type === "logBatch" && this.refusal !== undefined) {
      const { number } = frame;
      return events.logRefused({
        type: "logRefused",
        logger,
        writer,
        number,
        code: this.refusal,
        message: "no",
        last,
      });
    }
    if (frame.type === "logBatch" && frame.number === last.number + 1) {
      this.#marks.set(key, { number: frame.number, hash: frame.hash, range: frame.range });
      this.#keep(frame);
    }
    events.logAck({ type: "logAck", logger, writer, last: this.#marks.get(key) ?? NONE });
  }

  #keep(frame: LogBatchFrame): void {
    if (!createHash("sha256").update(frame.bytes).digest().equals(frame.hash)) throw new Error("wrong hash");
    const lines = gunzipSync(frame.bytes).toString("utf8").split("\n");
    if (lines.pop() !== "" || lines.length !== frame.records) throw new Error("wrong records");
    this.batches.push(frame);
    (this.records[frame.stream] ??= []).push(...lines);
  }
}
