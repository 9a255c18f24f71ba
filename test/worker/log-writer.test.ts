/** LogWriter in workerd: acceptance, flush by alarm, eviction, crash between plan and put, readers. */
import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { LogWriter } from "../../durable/log-writer.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { batchOf, lines, writerId } from "../support/log-batch.ts";

let names = 0;

/** A trunk to a logger of its own: frames in, answers out in order. */
class Trunk {
  readonly stub: DurableObjectStub<LogWriter>;
  readonly logger: string;
  #socket!: WebSocket;
  readonly #frames: Frame[] = [];
  #waiting: ((frame: Frame) => void) | undefined;
  closed: { code: number; reason: string } | undefined;

  constructor(logger: string) {
    this.logger = logger;
    this.stub = env.LOGGER.getByName(logger);
  }

  static async open(logger = `t-${++names}`): Promise<Trunk> {
    const trunk = new Trunk(logger);
    await trunk.connect();
    trunk.send({ type: "hello", versions: [1, 1], instance: writerId(99), connection: 1, options: {} });
    expect(await trunk.next()).toMatchObject({ type: "welcome", version: 1, endpoint: logger });
    return trunk;
  }

  async connect(): Promise<void> {
    const response = await this.stub.fetch("https://fabric/trunk", { headers: { Upgrade: "websocket" } });
    const socket = response.webSocket;
    if (socket === null) throw new Error(`upgrade answered ${response.status}`);
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      const frame = decodeFrame(new Uint8Array(data as ArrayBuffer));
      if (this.#waiting === undefined) this.#frames.push(frame);
      else {
        this.#waiting(frame);
        this.#waiting = undefined;
      }
    });
    socket.addEventListener("close", ({ code, reason }) => (this.closed = { code, reason }));
    this.#socket = socket;
  }

  send(frame: Frame): void {
    this.#socket.send(encodeFrame(frame));
  }

  async next(): Promise<Frame> {
    const frame = this.#frames.shift();
    return frame ?? new Promise((resolve) => (this.#waiting = resolve));
  }

  async ask(frame: Frame): Promise<Frame> {
    this.send(frame);
    return this.next();
  }

  batch(number: number, text: string, fields: Parameters<typeof batchOf>[1] = {}) {
    return batchOf(text, { logger: this.logger, number, ...fields });
  }
}

/** All records in R2 under the manifest's done objects of the logger. */
async function stored(trunk: Trunk): Promise<string> {
  const { entries } = await trunk.stub.manifest(undefined, undefined);
  let out = "";
  for (const { key, buffered } of entries) {
    if (key === null || buffered) continue;
    const object = await env.LOGS.get(key);
    out += gunzipSync(new Uint8Array(await object!.arrayBuffer())).toString();
  }
  return out;
}

async function keysOf(trunk: Trunk): Promise<string[]> {
  const { objects } = await env.LOGS.list();
  return objects.map(({ key }) => key).filter((key) => key.includes(`/${trunk.logger}-`));
}

describe("a batch on its way to R2", () => {
  it("is acknowledged, flushed by the alarm, and leaves the buffer", async () => {
    const trunk = await Trunk.open();
    const text = lines("a", 10);
    expect(await trunk.ask(trunk.batch(1, text))).toMatchObject({ type: "logAck", last: { number: 1 } });
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 1, objects: 0 });

    expect(await runDurableObjectAlarm(trunk.stub)).toBe(true);
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 1, objects: 0 });
    expect(await trunk.stub.flush(undefined)).toEqual({ pending: 0 });

    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 0, objects: 1, objectRecords: 10 });
    expect(await keysOf(trunk)).toEqual([
      expect.stringMatching(/^logs\/conn\/date=\d{4}-\d\d-\d\d\/hour=\d\d\/t-\d+-1-1\.ndjson\.gz$/),
    ]);
    expect(await stored(trunk)).toBe(text);
  });
});
