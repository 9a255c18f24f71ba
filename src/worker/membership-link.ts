/**
 * A session's trunk to Membership: opened on first use, driven by src/membership/member-end.ts. No protocol decisions.
 */
import { HEARTBEAT, MEMBERSHIP_NAME } from "../membership/heartbeat.ts";
import { MemberEnd, type MemberEffect, type MemberEndOptions } from "../membership/member-end.ts";
import { ViewCopy } from "../membership/view-copy.ts";
import type { Frame } from "../protocol/frame.ts";
import type { SessionEffect } from "../protocol/session-effect.ts";
import type { FabricEnv } from "./env.ts";
import { IsolatePools } from "../membership/pool-chooser.ts";
import { openTrunk } from "../../durable/trunk.ts";

export type MemberRequest = Extract<SessionEffect, { type: "member" }>;

/** Who the peer is. */
type PeerId = Pick<MemberRequest, "instance" | "connection">;

export interface MembershipLinkPorts extends Pick<MemberEndOptions, "liveness" | "admit"> {
  readonly env: Pick<FabricEnv, "MEMBERSHIP">;
  /** The id of the peer's life. */
  readonly nodeId: (peer: PeerId) => string;
  /** Sends a frame to the peer. */
  reply(frame: Frame): void;
  /** A view has come, of those that the session has asked for. */
  viewed(): void;
}

/** The view as this isolate knows it: all its sessions see the same one. */
const views = new ViewCopy();
/** The pools in it. */
export const isolatePools = new IsolatePools(views);

export class MembershipLink {
  readonly #ports: MembershipLinkPorts;
  #end: MemberEnd | undefined;
  #isViewing = false;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(ports: MembershipLinkPorts) {
    this.#ports = ports;
  }

  /** Takes a frame of the peer about nodes. */
  handle(request: MemberRequest): void {
    const { frame } = request;
    const end = this.#endOf(request);
    if (frame.type === "join") end.join(frame, Date.now());
    else end.watch(frame);
    this.#perform();
  }

  /** The session wants the view for itself. */
  needView(peer: PeerId): void {
    this.#isViewing = true;
    this.#endOf(peer).needView();
    this.#perform();
  }

  #endOf(peer: PeerId): MemberEnd {
    const { instance, connection } = peer;
    const { liveness, admit, nodeId } = this.#ports;
    this.#end ??= new MemberEnd({ instance, connection, nodeId: nodeId(peer), liveness, admit, views });
    return this.#end;
  }

  /** Anything came from the peer. */
  heard(): void {
    if (this.#end === undefined) return;
    this.#end.heard(Date.now());
    this.#perform();
  }

  /** The peer is gone. */
  close(): void {
    this.#end?.peerGone();
    this.#perform();
  }

  #perform(): void {
    for (const effect of this.#end?.drain() ?? []) this.#do(effect);
    this.#armTimer();
  }

  #do(effect: MemberEffect): void {
    switch (effect.type) {
      case "open":
        void this.#open();
        return;
      case "send":
        return this.#send(effect.bytes);
      case "beat":
        return this.#send(HEARTBEAT.ask);
      case "close":
        this.#socket?.close(effect.isOver ? 1000 : 3000, effect.isOver ? "peer gone" : "given up");
        this.#socket = undefined;
        return;
      case "reply":
        return this.#ports.reply(effect.frame);
    }
  }

  /** A socket that is closing takes nothing; its close event tells the rest. */
  #send(message: string | Uint8Array): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  async #open(): Promise<void> {
    let socket: WebSocket;
    try {
      socket = await openTrunk(this.#ports.env.MEMBERSHIP.getByName(MEMBERSHIP_NAME));
    } catch {
      return this.#lost(undefined);
    }
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket !== socket) return;
      if (typeof data === "string") this.#end?.beatAnswered();
      else this.#end?.received(new Uint8Array(data as ArrayBuffer), Date.now());
      this.#perform();
      if (this.#isViewing) this.#ports.viewed();
    });
    socket.addEventListener("close", () => this.#lost(socket));
    socket.addEventListener("error", () => this.#lost(socket));
    this.#socket = socket;
    this.#end?.opened(Date.now());
    this.#perform();
  }

  /** @param socket Undefined when there was none to lose: it could not be opened. */
  #lost(socket: WebSocket | undefined): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#end?.lost(Date.now());
    this.#perform();
  }

  #armTimer(): void {
    const deadlineMs = this.#end?.deadlineMs ?? Infinity;
    if (deadlineMs === this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Infinity;
        this.#end?.tick(Date.now());
        this.#perform();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
