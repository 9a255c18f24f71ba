/** ClusterNode in workerd: scripts that are pushed to, sleep, crash, and publish and log until it is acknowledged. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { ClusterNode } from "../../durable/cluster-node.ts";
import { ClusterNodeTables } from "../../durable/cluster-node-tables.ts";
import type { ObjectEnv } from "../../durable/env.ts";
import { count, string, type Value } from "../../src/data/value.ts";
import type { FabricEvent } from "../../src/protocol/event.ts";
import { ENCODING, type Frame, type Segment } from "../../src/protocol/frame.ts";
import { parseTopic } from "../../src/protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../../src/protocol/transcode.ts";
import { tableVersion } from "../../src/routing/placement.ts";
import { defineScript } from "../../src/script/define.ts";
import { deployedLayout } from "../../src/site/deployed.ts";
import { scripts } from "../../src/site/scripts.ts";
import { hello as helloOf, publish, subscribe } from "../support/router-rig.ts";
import { Trunk } from "../support/router-trunk.ts";

const table = tableVersion(deployedLayout((env as ObjectEnv).LAYOUT).routers);
const node = (): DurableObjectStub<ClusterNode> => env.NODE.getByName("manager");
let peers = 100;

/** Counts what it is asked, in its state, and in a variable that does not survive. */
const counter = defineScript("counter", (zeek) => {
  let since = 0;
  zeek.on("zeek_init", () => zeek.publish("site/answers", "Test::init"));
  zeek.on(
    "Test::ask",
    (text) => {
      const before = zeek.state.get("asked");
      const asked = (before?.type === "count" ? before.value : 0n) + 1n;
      zeek.state.set("asked", count(asked));
      zeek.publish("site/answers", "Test::answer", text, count(asked), count(++since));
    },
    { types: ["string"] },
  );
  zeek.on("Test::answer", () => zeek.publish("site/answers", "Test::own"));
  zeek.on("Test::later", () => void zeek.schedule(50, "Test::due"));
  zeek.on("Test::due", () => void zeek.publish("site/answers", "Test::was_due"));
  zeek.on("Test::wait", () => {
    zeek.when(
      () => Promise.resolve("fetched"),
      1_000,
      (outcome) => zeek.publish("site/answers", "Test::got", outcome.ok ? outcome.value : "nothing"),
    );
  });
  zeek.on("Test::log", () => void zeek.log("counted", { asked: zeek.state.get("asked") ?? null }));
  zeek.on("Test::listen", () => void zeek.subscribe("more/"));
  zeek.on("Test::throw", () => {
    zeek.publish("site/answers", "Test::before_throw");
    throw new Error("no");
  });
  zeek.subscribe("site/ask");
});

const segment = (topic: string, name: string, ...args: Value[]): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.cbor,
  count: 1,
  payload: encodeEvents([{ name, args, metadata: [] }]),
});

/** A peer at the router that asks and hears the answers. */
class Peer {
  readonly #trunk: Trunk;
  readonly #heard: FabricEvent[] = [];
  #seq = 0;

  private constructor(trunk: Trunk) {
    this.#trunk = trunk;
  }

  static async open(...prefixes: string[]): Promise<Peer> {
    const hello: Frame = helloOf(++peers, 1, table);
    const trunk = await Trunk.open(env.ROUTER.getByName("main"), hello, subscribe(prefixes));
    await trunk.take("welcome");
    await trunk.take("subscribed");
    return new Peer(trunk);
  }

  ask(name: string, ...args: Value[]): void {
    this.publish("site/ask", name, ...args);
  }

  publish(topic: string, name: string, ...args: Value[]): void {
    this.#trunk.send(publish(++this.#seq, segment(topic, name, ...args)));
  }

  /** Asks, and resolves when the router has acknowledged it. What is delivered meanwhile is not heard. */
  async askAcked(name: string, ...args: Value[]): Promise<void> {
    this.ask(name, ...args);
    for (;;) {
      const frame = await this.#trunk.next();
      if (frame.type === "published" && frame.seq >= this.#seq) return;
    }
  }

  /** The next event that it hears. */
  async next(): Promise<{ name: string; args: readonly unknown[] }> {
    while (this.#heard.length === 0) {
      const frame = await this.#trunk.next();
      if (frame.type !== "deliver") continue;
      for (const { segments } of frame.frames) this.#heard.push(...segments.flatMap(decodeSegment));
    }
    const { name, args } = this.#heard.shift()!;
    return { name, args: args.map((value) => ("value" in value ? value.value : value.type)) };
  }

  /** Resolves when an event of this name comes. */
  async named(name: string): Promise<void> {
    while ((await this.next()).name !== name);
  }

  /** The next event whose first argument is this. What was published before a crash may come again before it. */
  async find(first: unknown): Promise<{ name: string; args: readonly unknown[] }> {
    for (;;) {
      const event = await this.next();
      if (event.args[0] === first) return event;
    }
  }
}

beforeEach(() => {
  Object.assign(scripts, { byType: {}, byName: { manager: [counter] } });
});

describe("ClusterNode", () => {
  it("[A38] runs handlers for what other peers publish, answers, and does not hear itself", async () => {
    const peer = await Peer.open("site/answers");
    await node().attach();
    expect(await peer.next()).toEqual({ name: "Test::init", args: [] });
    peer.ask("Test::ask", string("a"));
    expect(await peer.next()).toEqual({ name: "Test::answer", args: ["a", 1n, 1n] });
    peer.ask("Test::ask", count(1));
    peer.ask("Test::ask", string("b"));
    expect(await peer.next()).toEqual({ name: "Test::answer", args: ["b", 2n, 2n] });
    expect((await node().stat()).scripts).toEqual(["counter"]);
  });

  it("R31 sleeps, and wakes by a push with its state and without its variables, missing nothing", async () => {
    const peer = await Peer.open("site/answers");
    peer.ask("Test::ask", string("awake"));
    const [, before] = (await peer.find("awake")).args as [string, bigint];
    for (const text of ["one", "two", "three"]) {
      await evictDurableObject(node());
      peer.ask("Test::ask", string(text));
      const answer = await peer.next();
      expect(answer.args.slice(0, 1)).toEqual([text]);
      expect(answer.args[2]).toBe(1n);
    }
    peer.ask("Test::ask", string("last"));
    expect((await peer.next()).args[1]).toBe(before + 4n);
  });

  it("R31 survives the crash of everything: it goes on with its state, and what is not acknowledged is sent again", async () => {
    const before = await Peer.open("site/answers");
    before.ask("Test::ask", string("before"));
    const [, asked] = (await before.find("before")).args as [string, bigint];
    await abortAllDurableObjects();
    const after = await Peer.open("site/answers");
    await node().attach();
    after.ask("Test::ask", string("after"));
    expect((await after.find("after")).args[1]).toBe(asked + 1n);
  });

  it("R31 what is acknowledged and not taken yet outlives the crash of router and node", async () => {
    const before = await Peer.open("site/answers");
    before.ask("Test::ask", string("heard"));
    const [, asked] = (await before.find("heard")).args as [string, bigint];
    // It takes longer to wake than the router to acknowledge: the push is still under way.
    await evictDurableObject(node());
    await before.askAcked("Test::ask", string("acknowledged"));
    await abortAllDurableObjects();
    const after = await Peer.open("site/answers");
    await node().attach();
    after.ask("Test::ask", string("next"));
    expect((await after.find("next")).args[1]).toBe(asked + 2n);
  });

  it("R31 a node that died while its trunk was being opened opens it again", async () => {
    const peer = await Peer.open("site/answers");
    peer.ask("Test::ask", string("before"));
    await peer.find("before");
    await runInDurableObject(node(), (_: ClusterNode, { storage }) => {
      const tables = new ClusterNodeTables(storage);
      tables.putTrunk("main", { ...tables.trunks().get("main")!, isOpen: false });
    });
    await evictDurableObject(node());
    await node().attach();
    let isHeard = false;
    void peer.find("again").then(() => (isHeard = true));
    await expect
      .poll(() => {
        peer.ask("Test::ask", string("again"));
        return isHeard;
      })
      .toBe(true);
  });

  it("wakes for what is scheduled, and waits for operations", async () => {
    const peer = await Peer.open("site/answers");
    peer.ask("Test::wait");
    expect((await peer.find("fetched")).name).toBe("Test::got");
    peer.ask("Test::later");
    await peer.named("Test::was_due");
  });

  it("subscribes at run time, and goes on with it after a sleep", async () => {
    const peer = await Peer.open("site/answers");
    peer.ask("Test::listen");
    // Live a moment later: what comes before that is not for it.
    const heard = peer.find("heard");
    let isHeard = false;
    void heard.then(() => (isHeard = true));
    await expect
      .poll(() => {
        peer.publish("more/x", "Test::ask", string("heard"));
        return isHeard;
      })
      .toBe(true);
    await evictDurableObject(node());
    peer.publish("more/x", "Test::ask", string("slept"));
    expect((await peer.find("slept")).name).toBe("Test::answer");
  });

  it("logs what a handler throws, keeps what it did, and its records reach the loggers", async () => {
    const peer = await Peer.open("site/answers");
    peer.ask("Test::throw");
    await peer.named("Test::before_throw");
    peer.ask("Test::log");
    const streams = async () => {
      const { entries } = await env.LOGGER.getByName("logger-1").manifest(undefined, undefined);
      return entries.map(({ stream }) => stream);
    };
    await expect.poll(streams).toEqual(expect.arrayContaining(["reporter", "counted"]));
    await expect.poll(async () => (await node().stat()).outbox).toBe(0);
  });
});
