/**
 * An object's trunk to one router, for publishing: open while something is unacknowledged, so that an object with
 * nothing to say may sleep. What is not acknowledged is sent again, flagged; the router takes it once (R5).
 */
import { FabricError } from "../src/base/errors.ts";
import type { FrameOf } from "../src/protocol/frame.ts";
import { TrunkEnd, type TrunkIdentity } from "../src/protocol/trunk-end.ts";

export interface RouterPublisherPorts {
  /** Opens the trunk; rejects when it cannot. */
  open(router: string): Promise<WebSocket>;
  /** Everything up to this number is sequenced. */
  acknowledged(router: string, seq: number): void;
}

export class RouterPublisher {
  readonly #ports: RouterPublisherPorts;
  readonly #end: TrunkEnd;
  #socket: WebSocket | undefined;
  #isWaiting = false;

  constructor(router: string, identity: TrunkIdentity, ports: RouterPublisherPorts) {
    this.#end = new TrunkEnd(router, identity);
    this.#ports = ports;
  }

  /** Sends the frame, now or when the trunk is there. Numbers must rise. */
  publish(frame: FrameOf<"publish">): void {
    for (const bytes of this.#end.publish(frame)) this.#socket?.send(bytes);
    if (!this.#isWaiting) void this.#open();
  }

  async #open(): Promise<void> {
    if (!this.#end.open()) return;
    let socket: WebSocket;
    try {
      socket = await this.#ports.open(this.#end.router);
    } catch {
      return this.#lost(undefined);
    }
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket === socket) this.#receive(socket, new Uint8Array(data as ArrayBuffer));
    });
    socket.addEventListener("close", () => this.#lost(socket));
    socket.addEventListener("error", () => this.#lost(socket));
    for (const bytes of this.#end.opened()) socket.send(bytes);
  }

  #receive(socket: WebSocket, bytes: Uint8Array): void {
    try {
      for (const event of this.#end.receive(bytes)) {
        if (event.type === "refused") return this.#leave(socket);
        if (event.type === "published") this.#ports.acknowledged(this.#end.router, event.seq);
      }
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return this.#leave(socket);
    }
    if (!this.#end.isNeeded) this.#leave(socket);
  }

  #leave(socket: WebSocket): void {
    socket.close(1000, "done");
    this.#lost(socket);
  }

  /** @param socket Undefined when there was none to lose: it could not be opened. */
  #lost(socket: WebSocket | undefined): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const waitMs = this.#end.lost();
    if (!this.#end.isNeeded) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      void this.#open();
    }, waitMs);
  }
}
