/** Events for nodes of pools in a client: kept over connections, bounded, each with its end. */
import { describe, expect, it } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import type { PublishPoolFrame } from "../../../src/protocol/pool-frame.ts";
import type { MemberRequest } from "../../../src/sdk/client-engine.ts";
import type { ClientEvents } from "../../../src/sdk/client-events.ts";
import { PoolPublishing, type PoolPort } from "../../../src/sdk/pool-publishing.ts";

class Port implements PoolPort {
  transport: PoolPort["transport"] = "native";
  isOpen = true;
  readonly sent: PublishPoolFrame[] = [];
  readonly #handlers = new Map<string, (value: never) => void>();

  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void {
    this.#handlers.set(type, handler as (value: never) => void);
    return () => void this.#handlers.delete(type);
  }

  emit<K extends keyof ClientEvents>(type: K, value: ClientEvents[K]): void {
    this.#handlers.get(type)!(value as never);
  }

  sendMember(frame: MemberRequest): boolean {
    if (this.isOpen && frame.type === "publishPool") this.sent.push(frame);
    return this.isOpen;
  }

  /** What was sent since the last call: ids, with "again" for repeats. */
  take(): string[] {
    return this.sent.splice(0).map(({ id, repeat }) => `${id}${repeat ? " again" : ""}`);
  }

  handled(...ids: readonly number[]): void {
    this.emit("member", { type: "handled", done: ids.map((id) => ({ id, by: `node-${id}` })) });
  }
}

const welcome = {} as ClientEvents["welcome"];

describe("M-10 a client's events for nodes of pools", () => {
  it("end with the name of the node, or with the code", async () => {
    const port = new Port();
    const pools = new PoolPublishing(port);
    const [one, two, three] = [
      pools.publishHrw("p", "key", "ev"),
      pools.publishRr("p", "", "ev", ["x"]),
      pools.publishTo("p", "node-7", "ev", []),
    ];
    expect(port.sent.map(({ choice }) => choice)).toEqual(["hrw", "rr", "node"]);
    port.handled(2, 1, 99);
    port.emit("member", { type: "unhandled", id: 3, code: "no_receiver", message: "m" });
    expect([await one, await two]).toEqual([{ handledBy: "node-1" }, { handledBy: "node-2" }]);
    await expect(three).rejects.toMatchObject({ code: "no_receiver" });
    await pools.idle();
  });

  it("are sent again over the next connection, as repeats, and what was not sent is sent then", async () => {
    const port = new Port();
    const pools = new PoolPublishing(port);
    const first = pools.publishRr("p", "", "ev");
    port.isOpen = false;
    const second = pools.publishRr("p", "", "ev");
    expect(port.take()).toEqual(["1"]);
    port.isOpen = true;
    port.emit("welcome", welcome);
    expect(port.take()).toEqual(["1 again", "2"]);
    port.handled(1);
    port.emit("welcome", welcome);
    expect(port.take()).toEqual(["2 again"]);
    port.handled(2);
    await Promise.all([first, second]);
  });

  it("have a window: what follows goes when some are answered", async () => {
    const port = new Port();
    const pools = new PoolPublishing(port);
    const half = [string("x".repeat(LIMITS.clientPoolWindowBytes / 2))];
    const all = [1, 2, 3].map(async () => pools.publishRr("p", "", "ev", half));
    expect(port.take()).toEqual(["1", "2"]);
    port.handled(1);
    expect(port.take()).toEqual(["3"]);
    port.handled(2, 3);
    await Promise.all(all);
  });

  it("have a bound in all, and end with the client", async () => {
    const port = new Port();
    port.isOpen = false;
    const pools = new PoolPublishing(port);
    const each = LIMITS.clientBufferBytesMax / 16;
    const waiting = Array.from({ length: 15 }, async () =>
      pools.publishRr("p", "", "ev", ["x".repeat(each)]),
    );
    await expect(pools.publishRr("p", "", "ev", ["x".repeat(each)])).rejects.toMatchObject({
      code: "publisher_too_fast",
    });
    const error = new FabricError("token_expired", "over");
    port.emit("close", error);
    for (const end of await Promise.allSettled(waiting)) expect(end).toMatchObject({ reason: error });
    await expect(pools.publishRr("p", "", "ev")).rejects.toBe(error);
  });

  it("are refused over JSON v1, and with a key that cannot be said", async () => {
    const port = new Port();
    const pools = new PoolPublishing(port);
    let deep: readonly unknown[] = [];
    for (let i = 0; i <= LIMITS.valueNestingMax; i++) deep = [deep];
    await expect(pools.publishHrw("p", deep as never, "ev")).rejects.toMatchObject({ code: "invalid_data" });
    port.transport = "json-v1";
    await expect(pools.publishRr("p", "", "ev")).rejects.toMatchObject({ code: "not_supported_here" });
    expect(port.take()).toEqual([]);
  });
});
