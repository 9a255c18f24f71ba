/**
 * Log frames of one client, on their way from its session to the loggers: checked, then sent over trunks that are
 * opened on first use (rule 16). The order of a client's frames to a logger is kept. Drives src/logs/logger-link.ts.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Layout } from "../cluster/layout.ts";
import type { LoggerOverride } from "../logs/logger.ts";
import { LoggerLink, type LinkEffect, type LogFrame } from "../logs/logger-link.ts";
import { overrideOptions } from "../logs/override-option.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type { Frame, InstanceId } from "../protocol/frame.ts";
import { mayLog, type Grant } from "../protocol/grant.ts";
import { negotiateVersion, PROTOCOL_VERSIONS } from "../protocol/handshake.ts";
import { checkBatch } from "./batch-check.ts";

/** What the intake needs of a trunk's WebSocket: accepted, and with `binaryType` "arraybuffer". */
export interface TrunkSocket {
  send(bytes: Uint8Array): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
}

export interface LogIntakePorts {
  openTrunk(logger: string): Promise<TrunkSocket>;
  /** Sends a frame to the client. */
  reply(frame: Frame): void;
  readonly layout: Layout;
  /** What is known of what operators have said of a logger: told to it with each trunk. */
  overrideOf(logger: string): LoggerOverride;
  readonly grant: Grant;
  /** The client's; loggers know writers by the instance in their frames. */
  readonly instance: InstanceId;
  nowMs(): number;
}

interface Trunk {
  readonly link: LoggerLink;
  socket: TrunkSocket | undefined;
  /** Raised by each try to open it, so that what belongs to an older try is told apart. */
  attempt: number;
}

export class LogIntake {
  readonly #ports: LogIntakePorts;
  readonly #trunks = new Map<string, Trunk>();
  #idle: (() => void)[] = [];
  #isClosed = false;

  constructor(ports: LogIntakePorts) {
    this.#ports = ports;
  }

  /** Batches that wait for a logger's answer, and their bytes. */
  get unanswered(): { readonly frames: number; readonly bytes: number } {
    let frames = 0;
    let bytes = 0;
    for (const { link } of this.#trunks.values()) {
      frames += link.unanswered.frames;
      bytes += link.unanswered.bytes;
    }
    return { frames, bytes };
  }

  /** Takes one frame of the client. Each gets one answer: `logAck` or `logRefused`. Never throws for bad input. */
  handle(frame: LogFrame): void {
    if (this.#isClosed) return;
    try {
      this.#check(frame);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return this.#refuse(frame, error);
    }
    const trunk = this.#trunk(frame.logger);
    this.#run(frame.logger, trunk, trunk.link.take(frame));
  }

  /** Resolves when every frame has been answered. */
  async idle(): Promise<void> {
    if (this.unanswered.frames === 0 || this.#isClosed) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** The client is gone: trunks close, and what is unanswered is the client's to send again. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#trunks.values()) socket?.close(1000, "client gone");
    this.#trunks.clear();
    this.#settleIdle();
  }

  #check(frame: LogFrame): void {
    const { grant, layout } = this.#ports;
    const isAllowed = frame.type === "logBatch" ? mayLog(grant, frame.stream) : grant.logs.length > 0;
    if (!isAllowed) throw new FabricError("forbidden", "the token does not grant this log stream");
    // A disabled one is not refused here: the logger alone knows which batches it has taken (rule 17).
    if (!layout.loggers.some(({ name }) => name === frame.logger)) {
      throw new FabricError("unknown_logger", "the layout has no such logger");
    }
    if (frame.type === "logBatch") checkBatch(frame);
  }

  #refuse(frame: LogFrame, { code, message }: FabricError): void {
    const { logger, writer } = frame;
    const number = frame.type === "logBatch" ? frame.number : 0;
    this.#ports.reply({ type: "logRefused", logger, writer, number, code, message, last: undefined });
  }

  #trunk(logger: string): Trunk {
    let trunk = this.#trunks.get(logger);
    if (trunk === undefined) {
      trunk = { link: new LoggerLink(), socket: undefined, attempt: 0 };
      this.#trunks.set(logger, trunk);
    }
    return trunk;
  }

  #run(logger: string, trunk: Trunk, effects: readonly LinkEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "open":
          setTimeout(() => void this.#open(logger, trunk), effect.afterMs);
          break;
        case "send":
          this.#send(trunk, effect.frame);
          break;
        case "reply":
          this.#ports.reply(effect.frame);
          break;
        case "drop":
          this.#lost(logger, trunk, trunk.attempt, effect.reason);
      }
    }
    if (this.unanswered.frames === 0) this.#settleIdle();
  }

  async #open(logger: string, trunk: Trunk): Promise<void> {
    if (this.#isClosed) return;
    const attempt = ++trunk.attempt;
    setTimeout(() => {
      if (!trunk.link.isOpen) this.#lost(logger, trunk, attempt, "no welcome in time");
    }, LIMITS.logTrunkMs);
    try {
      const socket = await this.#ports.openTrunk(logger);
      if (this.#isClosed || trunk.attempt !== attempt) return socket.close(1000, "not needed");
      this.#attach(logger, trunk, attempt, socket);
    } catch {
      // A failed try is no news: the link tells the client when it gives up.
      this.#lost(logger, trunk, attempt, "not opened");
    }
  }

  #attach(logger: string, trunk: Trunk, attempt: number, socket: TrunkSocket): void {
    trunk.socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(logger, trunk, attempt, data));
    for (const type of ["close", "error"] as const) {
      socket.addEventListener(type, () => this.#lost(logger, trunk, attempt, type));
    }
    const { instance } = this.#ports;
    const options = overrideOptions(this.#ports.overrideOf(logger));
    this.#send(trunk, {
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection: attempt,
      options,
    });
  }

  #receive(logger: string, trunk: Trunk, attempt: number, data: unknown): void {
    if (trunk.attempt !== attempt || this.#isClosed) return;
    try {
      if (!(data instanceof ArrayBuffer)) throw new FabricError("invalid_message", "a trunk carries bytes");
      const frame = decodeFrame(new Uint8Array(data));
      if (frame.type === "welcome") negotiateVersion([frame.version, frame.version]);
      const { link } = trunk;
      this.#run(logger, trunk, frame.type === "welcome" ? link.opened() : link.answered(frame));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#lost(logger, trunk, attempt, error.code);
    }
  }

  #lost(logger: string, trunk: Trunk, attempt: number, reason: string): void {
    if (trunk.attempt !== attempt || this.#isClosed) return;
    trunk.attempt++;
    trunk.socket?.close(1000, reason);
    trunk.socket = undefined;
    this.#run(logger, trunk, trunk.link.lost(this.#ports.nowMs()));
  }

  /** A socket that is closing may throw; its close event makes the link send again what was unanswered. */
  #send(trunk: Trunk, frame: Frame): void {
    try {
      trunk.socket?.send(encodeFrame(frame));
    } catch {
      trunk.socket = undefined;
    }
  }

  #settleIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
