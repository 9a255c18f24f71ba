/** The published bundle of the SDK in a page of Debian's Chromium, over a fabric that is killed and comes back. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildSdk } from "../../scripts/sdk-build.ts";
import type * as Sdk from "../../src/sdk/index.ts";
import { startServe, tempDir, type ServeProcess } from "../support/fabric.ts";

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
const JSON_V1 = "/v1/messages/json";

/** What the page keeps between the test's questions. */
interface PageState {
  sdk: typeof Sdk;
  client: Sdk.Client;
  names: string[];
  statuses: string[];
}

const folder = tempDir("selvedge-sdk");
const started: ServeProcess[] = [];
let browser: Browser | undefined;

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) throw new Error("no Chromium: apt-get install chromium");
  buildSdk(folder);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.dispose()));
});

async function serve(options: Parameters<typeof startServe>[0] = {}): Promise<ServeProcess> {
  const fabric = await startServe(options);
  started.push(fabric);
  return fabric;
}

/** A page of the fabric's own origin with the SDK loaded and connected. */
async function open(fabric: ServeProcess, path = ""): Promise<Page> {
  const page = await browser!.newPage();
  await page.goto(fabric.url);
  const code = JSON.stringify(readFileSync(join(folder, "index.js"), "utf8"));
  // As text: the test's transform must not touch the import.
  await page.evaluate(
    `import(URL.createObjectURL(new Blob([${code}], { type: "text/javascript" }))).then((sdk) => {
       globalThis.sdk = sdk;
     })`,
  );
  await page.evaluate(async (url) => {
    const state = globalThis as unknown as PageState;
    state.client = await state.sdk.connect(url);
    state.statuses = [];
    state.client.on("status", (status) => state.statuses.push(status));
  }, fabric.url + path);
  return page;
}

test("publishes values of Zeek's types, iterates, asks and is answered", async () => {
  const fabric = await serve();
  const [left, right] = await Promise.all([open(fabric), open(fabric)]);
  await left.evaluate(async () => {
    const { client } = globalThis as unknown as PageState;
    await client.subscribe("ask/", (event) => client.reply(event, "Ask::reply", event.args));
  });
  const got = await right.evaluate(async () => {
    const { client, sdk } = globalThis as unknown as PageState;
    const stream = client.subscribe("page/", { local: true });
    await stream.ready;
    const args = [sdk.count(2n ** 64n - 1n), sdk.addr("2001:db8::1"), "é", null, new Set(["b", "a"])];
    for (let i = 0; i < 3; i++) client.publish("page/x", `Page::e${i}`, args);
    const ack = await client.publishAcked("page/x", "Page::last", []);
    const names: string[] = [];
    let first = "";
    for await (const event of stream) {
      first ||= event.text;
      names.push(event.name);
      if (event.name === "Page::last") break;
    }
    const reply = await client.request("ask/me", "Ask::me", [sdk.count(7)]);
    const [answer] = reply.args;
    return { means: ack.means, names, first, answer: answer?.type === "count" ? String(answer.value) : "" };
  });
  expect(got.means).toBe("sequenced");
  expect(got.names).toEqual(["Page::e0", "Page::e1", "Page::e2", "Page::last"]);
  expect(JSON.parse(got.first)).toMatchObject({ topic: "page/x", type: "data-message" });
  expect(got.first).toContain("18446744073709551615");
  expect(got.answer).toBe("7");
});

test("speaks JSON v1 with the same API, and meets native clients", async () => {
  const fabric = await serve();
  const [left, right] = await Promise.all([open(fabric, JSON_V1), open(fabric)]);
  await left.evaluate(async () => {
    const { client } = globalThis as unknown as PageState;
    await client.subscribe("from/native/", (event) => client.publish("from/json/x", event.name, event.args));
  });
  const answer = await right.evaluate(async () => {
    const { client, sdk } = globalThis as unknown as PageState;
    const stream = client.subscribe("from/json/");
    await stream.ready;
    client.publish("from/native/x", "Json::echo", [sdk.port(53, "udp")]);
    for await (const event of stream) return [event.name, ...event.args.map((arg) => sdk.toJs(arg))];
    return [];
  });
  expect(answer).toEqual(["Json::echo", "53/udp"]);
});

test("R5 comes back after SIGKILL of the server, with its subscription, and publishes what had no answer", async () => {
  const first = await serve();
  const page = await open(first);
  await page.evaluate(async () => {
    const state = globalThis as unknown as PageState;
    state.names = [];
    await state.client.subscribe("kill/", (event) => state.names.push(event.name), { local: true });
    state.client.publish("kill/x", "Kill::before", []);
    await state.client.flush();
  });
  await first.kill();
  await page.waitForFunction(() => (globalThis as unknown as PageState).client.status !== "open");
  const flushed = page.evaluate(async () => {
    const { client } = globalThis as unknown as PageState;
    client.publish("kill/x", "Kill::meanwhile", []);
    await client.flush();
  });
  await serve({ state: first.state, port: first.port });
  await flushed;
  const { names, statuses } = await page.evaluate(async () => {
    const state = globalThis as unknown as PageState;
    await state.client.publishAcked("kill/x", "Kill::after", []);
    while (!state.names.includes("Kill::after")) await new Promise((resolve) => setTimeout(resolve, 10));
    return { names: state.names, statuses: state.statuses };
  });
  expect(names[0]).toBe("Kill::before");
  expect(names.at(-1)).toBe("Kill::after");
  expect(new Set(names).size).toBe(names.length);
  expect(statuses).toContain("waiting");
  expect(statuses.at(-1)).toBe("open");
});
