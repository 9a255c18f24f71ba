/**
 * A process as a node of the cluster: it joins over its client's connection, again after each reconnect, shows that it
 * lives, and hears who else is there. PROTOCOL.md, "Membership".
 */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { NodeType } from "../cluster/node.ts";
import type { ViewId } from "../protocol/member-frame.ts";
import { ViewCopy, type ViewDelta } from "../membership/view-copy.ts";
import { JOIN_ID, type MemberAnswer } from "../sdk/client-engine.ts";
import type { Client } from "../sdk/client.ts";

export interface MembershipPorts {
  /** Who came and who went; at first, all that are there. */
  changed(view: ViewId, change: ViewDelta): void;
  /** This connection speaks for the node no longer: another process has joined under its name, or it was refused. */
  ended(error: FabricError): void;
}

export class ClientMembership {
  readonly #client: Client;
  readonly #ports: MembershipPorts;
  readonly #name: string;
  readonly #nodeType: NodeType;
  readonly #views = new ViewCopy();
  readonly #joining = Promise.withResolvers<string>();
  readonly #viewing = Promise.withResolvers<void>();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  readonly #offs: readonly (() => void)[];
  #isJoined = false;

  /** Joins at once. */
  constructor(client: Client, name: string, nodeType: NodeType, ports: MembershipPorts) {
    this.#client = client;
    this.#name = name;
    this.#nodeType = nodeType;
    this.#ports = ports;
    this.#offs = [
      client.on("member", (frame) => this.#answered(frame)),
      client.on("welcome", () => this.#join()),
    ];
    // Half of what is asked: a tick that comes late is no silence.
    this.#heartbeat = setInterval(() => client.sendMember({ type: "ping", id: 0 }), LIMITS.heartbeatMs / 2);
    for (const promise of [this.#joining.promise, this.#viewing.promise]) promise.catch(() => {});
    this.#join();
  }

  /** Resolves to the id of this life when the node is there and knows who else is. Throws why it was refused. */
  async joined(): Promise<string> {
    const nodeId = await this.#joining.promise;
    await this.#viewing.promise;
    return nodeId;
  }

  /** No more signs of life; the node is down when its connection closes. */
  close(): void {
    clearInterval(this.#heartbeat);
    for (const off of this.#offs) off();
  }

  #join(): void {
    const [name, nodeType] = [this.#name, this.#nodeType];
    this.#client.sendMember({ type: "join", id: JOIN_ID, name, nodeType, options: {} });
    this.#watch();
  }

  #watch(): void {
    this.#client.sendMember({ type: "watch", known: this.#views.id });
  }

  #answered(frame: MemberAnswer): void {
    switch (frame.type) {
      case "joined":
        this.#isJoined = true;
        return this.#joining.resolve(frame.nodeId);
      case "view": {
        const taken = this.#views.take(frame);
        if (taken === "gap") return this.#watch();
        if (typeof taken === "object") this.#ports.changed(frame.id, taken);
        return this.#viewing.resolve();
      }
      case "handled":
      case "unhandled":
        return;
      case "error": {
        const error = new FabricError(isErrorCode(frame.code) ? frame.code : "unavailable", frame.message);
        this.#joining.reject(error);
        this.#viewing.reject(error);
        if (this.#isJoined) this.#ports.ended(error);
      }
    }
  }
}
