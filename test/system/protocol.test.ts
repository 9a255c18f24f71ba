/** PROTOCOL.md through the real runtime: a native peer made of nothing but the page's own bytes, and the HTTP routes. */
import { once } from "node:events";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { LIMITS } from "../../src/base/limits.ts";
import type { Fabric } from "../../src/cli/fabric.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame } from "../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../src/protocol/topic.ts";
import { errorText } from "../../src/protocol/data-message.ts";
import { connect, real } from "../../src/sdk/index.ts";
import { blocksOf } from "../support/documents.ts";
import { startInProcess } from "../support/fabric.ts";
import { JsonClient } from "../support/json-v1-client.ts";
import { event, numbered } from "../support/json-v1-event.ts";
import { batchOf, lines, writerId } from "../support/log-batch.ts";

let fabric: Fabric;
beforeAll(async () => {
  fabric = await startInProcess();
});
afterAll(async () => fabric.close());

/** The bytes of PROTOCOL.md's first example of a frame. */
function example(name: string): Buffer {
  const block = blocksOf("PROTOCOL.md").find((b) => b.language === "frame" && b.label === name)!;
  return Buffer.from(block.body.split("\n\n")[1]!.replaceAll(/\s/g, ""), "hex");
}

/** A native peer without the SDK. */
class Peer {
  readonly #socket: WebSocket;
  readonly #messages: Buffer[] = [];
  #wake = (): void => {};
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.#messages.push(data);
      this.#wake();
    });
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
  }

  static async open(): Promise<Peer> {
    const socket = new WebSocket(`${fabric.url.replace("http", "ws")}/v1/connect`, "selvedge.v1.cbor");
    const peer = new Peer(socket);
    await once(socket, "open");
    expect(socket.protocol).toBe("selvedge.v1.cbor");
    return peer;
  }

  static async greeted(): Promise<Peer> {
    const peer = await Peer.open();
    peer.send(example("hello"));
    await peer.next();
    return peer;
  }

  send(message: Buffer | Uint8Array | string): void {
    this.#socket.send(message);
  }

  async next(): Promise<Buffer> {
    while (this.#messages.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#messages.shift()!;
  }

  async frame(): Promise<Frame> {
    return decodeFrame(new Uint8Array(await this.next()));
  }

  close(): void {
    this.#socket.close();
  }
}

describe("the bytes of PROTOCOL.md", () => {
  test("N-1 N-3 T-1 the examples of a peer are understood, and answered as the examples of the fabric", async () => {
    const reader = await JsonClient.subscribed(fabric.url, ["/t"]);
    const peer = await Peer.open();
    peer.send(example("hello"));
    expect(await peer.frame()).toMatchObject({ type: "welcome", version: 1 });
    peer.send(example("subscribe"));
    expect(await peer.frame()).toMatchObject({ type: "subscribed", id: 1, gaps: [] });
    peer.send(example("publish"));
    expect((await peer.next()).equals(example("published"))).toBe(true);
    expect(await reader.next()).toBe(event("/t", "ev"));
    peer.send(example("ping"));
    expect((await peer.next()).equals(example("pong"))).toBe(true);
    peer.close();
    await reader.close();
  });

  test("N-1 without the subprotocol the upgrade is answered 400, and a text message ends the connection", async () => {
    const refused = new WebSocket(`${fabric.url.replace("http", "ws")}/v1/connect`);
    const [, response] = (await once(refused, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(400);
    refused.on("error", () => {});
    refused.terminate();
    const peer = await Peer.greeted();
    peer.send("hello");
    expect(await peer.frame()).toMatchObject({ type: "error", code: "invalid_message" });
    expect(await peer.closed).toEqual({ code: 1008, reason: "invalid_message" });
  });

  test("R1 what a delivery tells of its publisher lets nobody speak in its name, or take its connection", async () => {
    const hello = (instance: string, connection: number) =>
      encodeFrame({
        type: "hello",
        versions: [1, 1],
        instance,
        connection,
        options: { encodings: ["json"] },
      });
    const publish = (seq: number, n: number) => {
      const payload = Buffer.from(numbered("/r1", n));
      const segments = [{ topic: parseTopic("/r1"), encoding: ENCODING.json, count: 1, payload }];
      return encodeFrame({ type: "publish", seq, repeat: false, segments });
    };
    const [reader, victim, thief] = [await Peer.open(), await Peer.open(), await Peer.open()];
    reader.send(hello("a reader of 16 b", 1));
    reader.send(
      encodeFrame({ type: "subscribe", id: 1, prefixes: [parsePrefix("/r1")], positions: [], options: {} }),
    );
    expect(await reader.frame()).toMatchObject({ type: "welcome" });
    expect(await reader.frame()).toMatchObject({ type: "subscribed" });
    victim.send(hello("a victim of 16 b", 1));
    victim.send(publish(1, 1));
    const delivery = await reader.frame();
    if (delivery.type !== "deliver") throw new Error(delivery.type);
    const { publisher } = delivery.frames[0]!;

    thief.send(hello(publisher, 9));
    thief.send(publish(1_000, 2));
    expect(await reader.frame()).toMatchObject({ type: "deliver", frames: [{ publisherSeq: 1_000 }] });
    victim.send(publish(2, 3));
    expect(await reader.frame()).toMatchObject({ type: "deliver", frames: [{ publisher, publisherSeq: 2 }] });
    for (const peer of [reader, victim, thief]) peer.close();
  });

  test("§6.3 an event that JSON v1 cannot say is told by an error frame, and the next one arrives", async () => {
    const reader = await JsonClient.subscribed(fabric.url, ["/nan"]);
    const client = await connect(fabric.url);
    client.publish("/nan", "ev", [real(NaN)]);
    await client.flush();
    expect(await reader.next()).toBe(
      errorText("broker_error", "Could not process remote event on topic '/nan'"),
    );
    client.publish("/nan", "ev", []);
    await client.flush();
    expect(await reader.next()).toBe(event("/nan", "ev"));
    await client.close();
    await reader.close();
  });

  test("N-13 R17 each log frame is answered once, in order, and a resume tells the writer's position", async () => {
    const peer = await Peer.greeted();
    const writer = writerId(131);
    const birthMs = Date.now();
    for (const number of [1, 2, 9]) {
      peer.send(encodeFrame(batchOf(lines(`n${number}`, 3), { writer, number, birthMs, stream: "n13" })));
    }
    peer.send(encodeFrame({ type: "logResume", logger: "logger-1", writer, birthMs }));
    expect(await peer.frame()).toMatchObject({ type: "logAck", last: { number: 1 } });
    expect(await peer.frame()).toMatchObject({ type: "logAck", last: { number: 2 } });
    expect(await peer.frame()).toMatchObject({
      type: "logRefused",
      number: 9,
      code: "expected",
      last: { number: 2 },
    });
    expect(await peer.frame()).toMatchObject({ type: "logAck", last: { number: 2 } });
    peer.close();
  });

  test(`N-14 a batch of ${LIMITS.logBatchRecordsMax} records is taken, one of one more is not`, async () => {
    const peer = await Peer.greeted();
    const writer = writerId(141);
    const most = "{}\n".repeat(LIMITS.logBatchRecordsMax);
    peer.send(encodeFrame(batchOf(`${most}{}\n`, { writer, stream: "n14" })));
    expect(await peer.frame()).toMatchObject({ type: "logRefused", code: "too_large" });
    peer.send(encodeFrame(batchOf(most, { writer, stream: "n14" })));
    expect(await peer.frame()).toMatchObject({ type: "logAck", last: { number: 1 } });
    peer.close();
  });
});

describe("HTTP", () => {
  const get = (path: string): Promise<Response> => fetch(fabric.url + path);
  const post = (path: string, body = ""): Promise<Response> =>
    fetch(fabric.url + path, { method: "POST", body });

  test("H-1 health says the version", async () => {
    expect(await (await get("/healthz")).json()).toEqual({
      status: "ok",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
  });

  test("H-2 a body of messages is published whole, or refused whole with its code", async () => {
    const reader = await JsonClient.subscribed(fabric.url, ["h2/"]);
    const good = [numbered("h2/", 1), numbered("h2/", 2)];
    const bad = await post("/v1/publish", [numbered("h2/", 0), "no message"].join("\n"));
    expect(bad.status).toBe(400);
    expect(await bad.json()).toMatchObject({ error: { code: "deserialization_failed" } });
    const answer = await post("/v1/publish", good.join("\n"));
    expect(await answer.json()).toEqual({ published: 2 });
    expect(await reader.take(2)).toEqual(good);
    await reader.close();
  });

  test("H-3 H-4 H-5 H-6 R21 a batch is listed, read and flushed, and read again from R2", async () => {
    const peer = await Peer.greeted();
    const writer = writerId(34);
    const texts = [lines("one", 3), lines("two", 2)];
    for (const [i, text] of texts.entries()) {
      peer.send(encodeFrame(batchOf(text, { writer, number: i + 1, stream: "h3" })));
      expect(await peer.frame()).toMatchObject({ type: "logAck" });
    }
    peer.close();
    const listed = async () =>
      ((await (await get("/v1/logs")).json()) as { stream: string }[]).filter((e) => e.stream === "h3");
    const read = async () => gunzipSync(Buffer.from(await (await get("/v1/logs/h3/records")).arrayBuffer()));
    expect(await listed()).toMatchObject([
      { key: null, logger: "logger-1", records: 5, batches: 2, buffered: true },
    ]);
    expect((await read()).toString()).toBe(texts.join(""));
    expect(await (await post("/v1/logs/flush?stream=h3")).json()).toEqual({ pending: 0 });
    expect(await listed()).toMatchObject([
      {
        key: expect.stringMatching(
          /^logs\/h3\/date=\d{4}-\d\d-\d\d\/hour=\d\d\/logger-1-\d+-\d+\.ndjson\.gz$/,
        ) as string,
        records: 5,
        buffered: false,
      },
    ]);
    expect((await read()).toString()).toBe(texts.join(""));
    expect(await (await get("/v1/logs/stat")).json()).toMatchObject([
      { logger: "logger-1", enabled: true },
      { logger: "logger-2", enabled: true },
    ]);
  });

  test("H-7 metrics are Prometheus' text", async () => {
    const answer = await get("/metrics");
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toMatch(/^selvedge_router_incarnation\{router="main"\} \d+$/m);
  });

  test("H-4 a stream that has nothing is 404, a name that is none 400", async () => {
    expect((await get("/v1/logs/nothing/records")).status).toBe(404);
    expect((await get("/v1/logs/..x/records")).status).toBe(400);
  });
});
