/**
 * The session's end of the trunk to one logger, without I/O: log frames on their way, in the order in which they came.
 * The logger answers each exactly once and in order, so the oldest unanswered frame is the one that an answer is for.
 * A lost trunk is opened again and all unanswered frames are sent again: to the logger they are repeats (rule 17).
 */
import { LIMITS } from "../base/limits.ts";
import type { Frame, FrameOf, LogBatchFrame } from "../protocol/frame.ts";

export type LogFrame = LogBatchFrame | FrameOf<"logResume">;
type LogReply = FrameOf<"logAck"> | FrameOf<"logRefused">;

export type LinkEffect =
  /** Open the trunk after this time, then call `opened` or `lost`. */
  | { readonly type: "open"; readonly afterMs: number }
  | { readonly type: "send"; readonly frame: LogFrame }
  /** Tell the client. */
  | { readonly type: "reply"; readonly frame: LogReply }
  /** The trunk breaks the protocol: close it, then call `lost`. */
  | { readonly type: "drop"; readonly reason: string };

export class LoggerLink {
  readonly #unanswered: LogFrame[] = [];
  #bytes = 0;
  #state: "closed" | "opening" | "open" = "closed";
  #failures = 0;
  /** When the first of a row of trunks was lost on which nothing was answered. */
  #downMs: number | undefined;

  /** Frames without an answer, and the bytes of their batches. */
  get unanswered(): { readonly frames: number; readonly bytes: number } {
    return { frames: this.#unanswered.length, bytes: this.#bytes };
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Takes a frame of the client; refuses it with `unavailable` when too much is under way. */
  take(frame: LogFrame): LinkEffect[] {
    const isFull =
      this.#unanswered.length >= LIMITS.logUnansweredFramesMax ||
      this.#bytes + sizeOf(frame) > LIMITS.logUnansweredBytesMax;
    if (isFull) return [{ type: "reply", frame: refusalOf(frame, "too much is unanswered") }];
    this.#unanswered.push(frame);
    this.#bytes += sizeOf(frame);
    if (this.#state === "open") return [{ type: "send", frame }];
    return this.#state === "opening" ? [] : this.#open(0);
  }

  /** The trunk is up and greeted. */
  opened(): LinkEffect[] {
    this.#state = "open";
    return this.#unanswered.map((frame) => ({ type: "send", frame }));
  }

  /** The logger answered on the trunk that is open. */
  answered(reply: Frame): LinkEffect[] {
    if (reply.type !== "logAck" && reply.type !== "logRefused") {
      return [{ type: "drop", reason: `a logger does not send ${reply.type} frames` }];
    }
    const frame = this.#unanswered.shift();
    if (frame === undefined || frame.writer !== reply.writer) {
      return [{ type: "drop", reason: "the logger answered what was not asked" }];
    }
    this.#bytes -= sizeOf(frame);
    this.#failures = 0;
    this.#downMs = undefined;
    return [{ type: "reply", frame: reply }];
  }

  /** The trunk is gone or did not open. */
  lost(nowMs: number): LinkEffect[] {
    this.#state = "closed";
    if (this.#unanswered.length === 0) return [];
    this.#downMs ??= nowMs;
    if (nowMs - this.#downMs >= LIMITS.logTrunkMs) return this.#giveUp();
    const afterMs = Math.min(LIMITS.trunkRetryMs * 2 ** Math.min(this.#failures, 16), LIMITS.trunkRetryMaxMs);
    this.#failures++;
    return this.#open(afterMs);
  }

  #open(afterMs: number): LinkEffect[] {
    this.#state = "opening";
    return [{ type: "open", afterMs }];
  }

  /** Whether the logger has taken these is unknown; the client asks again when it sends them again. */
  #giveUp(): LinkEffect[] {
    const frames = this.#unanswered.splice(0);
    this.#bytes = 0;
    this.#failures = 0;
    this.#downMs = undefined;
    return frames.map((frame) => ({
      type: "reply",
      frame: refusalOf(frame, "the logger cannot be reached"),
    }));
  }
}

function sizeOf(frame: LogFrame): number {
  return frame.type === "logBatch" ? frame.bytes.length : 0;
}

function refusalOf(frame: LogFrame, message: string): LogReply {
  const { logger, writer } = frame;
  const number = frame.type === "logBatch" ? frame.number : 0;
  return { type: "logRefused", logger, writer, number, code: "unavailable", message, last: undefined };
}
