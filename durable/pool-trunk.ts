/** A node's trunk to one router for events to nodes of pools: open while some of them are under way. */
import { FabricError } from "../src/base/errors.ts";
import { TrunkEnd, type TrunkEvent, type TrunkIdentity } from "../src/protocol/trunk-end.ts";

export interface PoolTrunkPorts {
  /** Opens it; rejects when it cannot. */
  open(router: string): Promise<WebSocket>;
  /** Whether something is under way, or about to be. */
  isNeeded(): boolean;
  opened(): void;
  lost(): void;
  told(event: Extract<TrunkEvent, { type: "handled" | "unhandled" }>): void;
}

export class PoolTrunk {
  readonly #ports: PoolTrunkPorts;
  readonly #end: TrunkEnd;
  #socket: WebSocket | undefined;
  #isWaiting = false;

  constructor(router: string, identity: TrunkIdentity, ports: PoolTrunkPorts) {
    this.#end = new TrunkEnd(router, identity);
    this.#ports = ports;
  }

  /** Whether frames can be sent; makes the connection if there is none. */
  isOpen(): boolean {
    if (this.#end.isOpen) return true;
    if (!this.#isWaiting) void this.#open();
    return false;
  }

  send(bytes: Uint8Array): void {
    this.#socket?.send(bytes);
  }

  /** Nothing is under way: the object may sleep. */
  leave(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.close(1000, "done");
    this.#lost(socket);
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
    this.#ports.opened();
  }

  #receive(socket: WebSocket, bytes: Uint8Array): void {
    try {
      for (const event of this.#end.receive(bytes)) {
        if (event.type === "handled" || event.type === "unhandled") this.#ports.told(event);
        else if (event.type === "refused") return this.leave();
      }
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      socket.close(1000, "bad frame");
      this.#lost(socket);
    }
  }

  /** @param socket Undefined when there was none to lose: it could not be opened. */
  #lost(socket: WebSocket | undefined): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const waitMs = this.#end.lost();
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      if (this.#ports.isNeeded()) void this.#open();
    }, waitMs);
    this.#ports.lost();
  }
}
