/** Nodes as peers see it: through the Worker, its sessions and Membership. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { MEMBERSHIP_NAME } from "../../src/membership/heartbeat.ts";
import { nodeIdOf } from "../../src/membership/node-id.ts";
import { ViewCopy } from "../../src/membership/view-copy.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { fromBytes } from "../../src/protocol/topic.ts";
import { greeting } from "../support/membership-trunk.ts";
import { jsonPeer, nativePeer } from "../support/native-peer.ts";
import type { Trunk } from "../support/router-trunk.ts";
import { signToken } from "../support/tokens.ts";

const members = async () => [...(await env.MEMBERSHIP.getByName(MEMBERSHIP_NAME).nodes())];
const join = (name: string, nodeType = "WORKER", id = 1): Frame => ({
  type: "join",
  id,
  name,
  nodeType,
  options: {},
});
const WATCH: Frame = { type: "watch", known: undefined };
const SOON = { timeout: 5 * LIMITS.viewMs, interval: 20 };
const open: Trunk[] = [];
let instances = 1_000;

async function peer(token: string | undefined, ...frames: Frame[]): Promise<Trunk> {
  const trunk = await nativePeer(token, greeting(++instances), ...frames);
  open.push(trunk);
  return trunk;
}

/** Takes frames until the copy holds what is wanted. */
async function follow(trunk: Trunk, copy: ViewCopy, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    if (copy.take(await trunk.take("view")) === "gap") throw new Error("a gap of views");
  }
}

afterEach(async () => {
  for (const trunk of open.splice(0)) trunk.close();
  await expect.poll(members, SOON).toEqual([]);
});

describe("native nodes", () => {
  it("M-1 M-2 [E25] a peer joins, and its id is made of its life", async () => {
    const trunk = await peer(undefined, join("worker-1", "WORKER", 7));
    const { options } = await trunk.take("welcome");
    const joined = await trunk.take("joined");
    const publisher = fromBytes(options["publisher"] as Uint8Array);
    const nodeId = nodeIdOf(publisher);
    expect(joined).toMatchObject({ id: 7, nodeId, options: { heartbeatMs: LIMITS.heartbeatMs } });
    expect(await members()).toEqual([{ name: "worker-1", nodeType: "WORKER", nodeId }]);
  });

  it("R32 a node that pings stays up; its own close, and its silence, are its end", async () => {
    const watcher = await peer(undefined, WATCH);
    await watcher.take("welcome");
    const copy = new ViewCopy();
    const left = () => [...copy.members.keys()].filter((name) => /^worker-1\d$/.test(name));
    const idle = await peer(undefined, join("worker-11"));
    await peer(undefined, join("worker-12"));
    const leaver = await peer(undefined, join("worker-13"));
    await follow(watcher, copy, () => left().length === 3);
    leaver.close();
    await follow(watcher, copy, () => left().length === 2);
    const pinging = setInterval(() => idle.send({ type: "ping", id: 1 }), LIMITS.heartbeatMs);
    try {
      await follow(watcher, copy, () => left().length === 1);
    } finally {
      clearInterval(pinging);
    }
    expect(left()).toEqual(["worker-11"]);
  }, 30_000);

  it("M-4 a silent node is up again when it is heard again, in the same life", async () => {
    const watcher = await peer(undefined, WATCH);
    await watcher.take("welcome");
    const copy = new ViewCopy();
    const node = await peer(undefined, join("worker-5"));
    await follow(watcher, copy, () => copy.members.has("worker-5"));
    const { nodeId } = copy.members.get("worker-5")!;
    await follow(watcher, copy, () => !copy.members.has("worker-5"));
    node.send({ type: "ping", id: 1 });
    await follow(watcher, copy, () => copy.members.has("worker-5"));
    expect(copy.members.get("worker-5")).toEqual({ name: "worker-5", nodeType: "WORKER", nodeId });
  }, 30_000);

  it("M-3 a second process of the same name takes over, and the first one is told", async () => {
    const first = await peer(undefined, join("worker-1", "WORKER", 3));
    await first.take("welcome");
    await first.take("joined");
    const second = await peer(undefined, join("worker-1"));
    await second.take("welcome");
    const { nodeId } = await second.take("joined");
    expect(await first.take("error")).toMatchObject({ id: 3, code: "duplicate_node" });
    expect(await members()).toEqual([{ name: "worker-1", nodeType: "WORKER", nodeId }]);
  });

  it("M-1 a token speaks for its own node alone", async () => {
    const worker1 = await signToken({ sub: "worker-1", node_type: "worker" });
    const anonymous = await signToken({ publish: [""] });
    for (const [token, name, nodeType, code] of [
      [worker1, "worker-2", "WORKER", "forbidden"],
      [worker1, "worker-1", "PROXY", "forbidden"],
      [anonymous, "worker-1", "WORKER", "forbidden"],
      [undefined, "worker 1", "WORKER", "invalid_data"],
      [undefined, "worker-1", "SENSOR", "invalid_data"],
      [undefined, "worker-1", "NONE", "invalid_data"],
    ] as const) {
      const trunk = await peer(token, join(name, nodeType, 5));
      await trunk.take("welcome");
      expect(await trunk.take("error")).toMatchObject({ id: 5, code });
    }
    const granted = await peer(worker1, join("worker-1"));
    await granted.take("welcome");
    await granted.take("joined");
    granted.send(join("worker-9", "WORKER", 6));
    expect(await granted.take("error")).toMatchObject({ id: 6 });
    expect((await members()).map(({ name }) => name)).toEqual(["worker-1"]);
  });

  it("M-5 a peer that knows the view is sent changes only", async () => {
    const watcher = await peer(undefined, join("worker-1"), WATCH);
    await watcher.take("welcome");
    const copy = new ViewCopy();
    while (!copy.members.has("worker-1")) {
      const frame = await watcher.next();
      if (frame.type === "view") copy.take(frame);
    }
    watcher.send({ type: "watch", known: copy.id });
    expect(await watcher.take("view")).toEqual({
      type: "view",
      id: copy.id,
      base: copy.id!.number,
      up: [],
      down: [],
    });
    watcher.send({ type: "watch", known: { life: "another", number: copy.id!.number } });
    expect(await watcher.take("view")).toMatchObject({ base: undefined, up: [...copy.members.values()] });
  });
});

describe("JSON v1 nodes", () => {
  it("M-1 R32 a client whose token names a node is that node from its ack to its close", async () => {
    const token = await signToken({ sub: "worker-4", node_type: "worker", subscribe: [""] });
    const { socket, endpoint } = await jsonPeer(token, ["zeek/"]);
    await expect.poll(members, SOON).toEqual([{ name: "worker-4", nodeType: "WORKER", nodeId: endpoint }]);
    socket.close(1000, "");
    await expect.poll(members, SOON).toEqual([]);
  });

  it("a client without a name opens no trunk to Membership", async () => {
    const stub = env.MEMBERSHIP.getByName(MEMBERSHIP_NAME);
    const before = (await stub.stat()).trunks;
    const { socket } = await jsonPeer(undefined, ["zeek/"]);
    const trunk = await peer(undefined, { type: "ping", id: 1 });
    await trunk.take("welcome");
    await trunk.take("pong");
    expect((await stub.stat()).trunks).toBe(before);
    socket.close(1000, "");
  });
});
