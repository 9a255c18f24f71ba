/** Peers with a standard WebSocket and its default settings: Node's own, and one in a page of Debian's Chromium. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { endpointUrl } from "../support/json-v1-client.ts";
import { event, REFUSED, string } from "../support/json-v1-event.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { converse, type Transcript } from "./conversation.ts";

const CHROMIUM = "/usr/bin/chromium";
/** Headless, and without the calls home that a browser makes when it starts. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const fabric = useFabric();

const greeting = event("peers/a", "greeting", [string("é€😀")]);
const answer = event("peers/b", "answer", [string("x".repeat(100_000))]);

const options = () => ({
  url: endpointUrl(fabric().url),
  prefix: "peers/",
  left: [greeting, "How is it going?", greeting],
  right: [answer],
  expected: { left: 2, right: 2 },
});

function expectConversation(transcript: Transcript): void {
  expect(transcript.extensions).toBe("");
  expect(transcript.protocol).toBe("");
  for (const ack of transcript.acks) expect(JSON.parse(ack)).toMatchObject({ type: "ack" });
  expect(transcript.right).toEqual([greeting, greeting]);
  expect(transcript.left).toEqual([REFUSED.notDecoded, answer]);
  expect(transcript.close).toEqual({ code: 1000, reason: "done", wasClean: true });
}

describe("Node's WebSocket", () => {
  test("subscribes, publishes, receives, sees an error frame and closes", async () => {
    expectConversation(await converse(options()));
  });

  test("sees the error frame and close 1008 of a wrong path", async () => {
    const socket = new WebSocket(endpointUrl(fabric().url, "/v0/messages/json"));
    const got: unknown[] = [];
    socket.addEventListener("message", (message) => got.push(message.data));
    const code = await new Promise<number>((resolve) =>
      socket.addEventListener("close", (close) => resolve(close.code)),
    );
    expect(code).toBe(1008);
    expect(got).toEqual([expect.stringContaining('"code":"invalid_uri"')]);
  });
});

describe("a page in Chromium", () => {
  let browser: Awaited<ReturnType<typeof chromium.launch>> | undefined;

  beforeAll(async () => {
    if (!existsSync(CHROMIUM)) throw new Error("no Chromium: apt-get install chromium");
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  });

  afterAll(async () => {
    await browser?.close();
  });

  test("subscribes, publishes, receives, sees an error frame and closes", async () => {
    const page = await browser!.newPage();
    await page.goto(fabric().url);
    expectConversation(await page.evaluate(converse, options()));
  });
});
