/** ClusterLayout in workerd: what survives, changes at the same time, and that its fetch has one door. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { clusterLayout } from "../../durable/cluster-layout-proxy.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { EMPTY_DOCUMENT, type LayoutDocument } from "../../src/cluster/layout-document.ts";
import { parseNodes } from "../../src/cluster/node.ts";
import { parseStores } from "../../src/cluster/store-entry.ts";
import { batchOf, lines } from "../support/log-batch.ts";
import { LogTrunk } from "../support/log-trunk.ts";

const calls = clusterLayout(env.CLUSTER_LAYOUT);
const stub = () => env.CLUSTER_LAYOUT.getByName("layout");
const disable = (name: string, enabled = false) => calls.change({ type: "logger", name, enabled });

/** Every test begins with what the one before left, so each sets all loggers back. */
async function reset(): Promise<LayoutDocument> {
  await disable("logger-1", true);
  return disable("logger-2", true);
}

/** A call as itty-durable's proxy makes it. */
const raw = (path: string, content: unknown, method = "GET") =>
  stub().fetch(`https://itty-durable${path}`, {
    method,
    headers: { "do-name": "layout", "do-content": JSON.stringify(content) },
  });

describe("[R34] the layout's object", () => {
  it("is empty before the first change", async () => {
    expect(await calls.read()).toEqual(EMPTY_DOCUMENT);
  });

  it("keeps each change over sleep and crash, and its epoch rises by one", async () => {
    const { epoch } = await reset();
    const changed = await disable("logger-1");
    expect(changed).toEqual({
      ...EMPTY_DOCUMENT,
      epoch: epoch + 1,
      loggers: [{ name: "logger-1", enabled: false }],
    });
    await evictDurableObject(stub());
    expect(await calls.read()).toEqual(changed);
    await abortAllDurableObjects();
    expect(await calls.read()).toEqual(changed);
    expect(await disable("logger-1")).toEqual(changed);
    expect(await reset()).toEqual({ ...EMPTY_DOCUMENT, epoch: epoch + 2 });
  });

  it("takes changes that come at the same time, right after a sleep, one after the other", async () => {
    const { epoch } = await reset();
    await evictDurableObject(stub());
    const answers = await Promise.all([
      disable("logger-1"),
      disable("logger-2"),
      calls.read(),
      disable("logger-1", true),
      disable("logger-1"),
    ]);
    expect(new Set(answers.map((answer) => answer.epoch)).size).toBeGreaterThan(1);
    await evictDurableObject(stub());
    expect(await calls.read()).toEqual({
      ...EMPTY_DOCUMENT,
      epoch: epoch + 4,
      loggers: [
        { name: "logger-1", enabled: false },
        { name: "logger-2", enabled: false },
      ],
    });
  });

  it("keeps one small value, without the environment", async () => {
    await disable("logger-1");
    const stored = await runInDurableObject(stub(), async (_: object, ctx) => [
      ...(await ctx.storage.list()),
    ]);
    expect(stored).toEqual([["data", { document: await calls.read() }]]);
  });

  it("answers a refusal with its code", async () => {
    await expect(disable("logger-9")).rejects.toMatchObject({ code: "unknown_logger" });
    const change = async (content: unknown) => (await raw("/do/call/change", [content])).json();
    expect(await change('{"type":"router"}')).toMatchObject({ error: { code: "invalid_layout" } });
    expect(await change(7)).toMatchObject({ error: { code: "invalid_layout" } });
  });

  it(`takes a document of ${LIMITS.layoutDocumentBytesMax} bytes, not of one more`, async () => {
    const { epoch } = await reset();
    const text = JSON.stringify({ type: "logger", name: "logger-1", enabled: false });
    const call = async (length: number) =>
      (await raw("/do/call/change", [text + " ".repeat(length - text.length)])).json();
    expect(await call(LIMITS.layoutDocumentBytesMax + 1)).toMatchObject({ error: { code: "too_large" } });
    expect(await calls.read()).toMatchObject({ epoch });
    expect(await call(LIMITS.layoutDocumentBytesMax)).toMatchObject({ document: { epoch: epoch + 1 } });
  });

  it("keeps nodes, pools and stores over sleep and crash, whatever characters they have", async () => {
    const { epoch } = await reset();
    const delta = {
      loggers: [],
      nodes: parseNodes([{ name: "w", nodeType: "WORKER", interface: "é 💡" }]),
      pools: [{ name: "proxy", removed: true }] as const,
      stores: parseStores([{ name: "hôtes" }]),
    };
    const changed = await calls.change({ type: "layout", epoch, ...delta });
    expect(changed).toEqual({ epoch: epoch + 1, ...delta });
    await evictDurableObject(stub());
    expect(await calls.read()).toEqual(changed);
    await abortAllDurableObjects();
    expect(await calls.read()).toEqual(changed);
    expect(await calls.change({ type: "layout", epoch: epoch + 1, ...delta })).toEqual(changed);
    const empty = await calls.change({ ...EMPTY_DOCUMENT, type: "layout", epoch: epoch + 1 });
    expect(empty).toEqual({ ...EMPTY_DOCUMENT, epoch: epoch + 2 });
  });

  it("takes one of two changes that were made from the same epoch", async () => {
    const { epoch } = await reset();
    const change = async (name: string) =>
      calls.change({
        ...EMPTY_DOCUMENT,
        type: "layout",
        epoch,
        nodes: parseNodes([{ name, nodeType: "WORKER" }]),
      });
    const [first, second] = await Promise.allSettled([change("a"), change("b")]);
    expect(first).toMatchObject({ status: "fulfilled", value: { epoch: epoch + 1, nodes: [{ name: "a" }] } });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "layout_changed" } });
    await calls.change({ ...EMPTY_DOCUMENT, type: "layout", epoch: epoch + 1 });
  });

  it("refuses a layout that contradicts itself, and one that is too large to be read", async () => {
    const { epoch } = await reset();
    const change = async (nodes: unknown) =>
      calls.change({ ...EMPTY_DOCUMENT, type: "layout", epoch, nodes: parseNodes(nodes) });
    await expect(change([{ name: "boss", nodeType: "MANAGER" }])).rejects.toMatchObject({
      code: "invalid_layout",
      message: expect.stringContaining("one manager"),
    });
    await expect(change([{ name: "logger-9", nodeType: "LOGGER" }])).rejects.toMatchObject({
      code: "invalid_layout",
    });
    await expect(change([{ name: "w", nodeType: "WORKER", count: 500 }])).rejects.toMatchObject({
      code: "too_large",
    });
    expect(await calls.read()).toEqual({ ...EMPTY_DOCUMENT, epoch });
  });

  it("has no other call, whatever itty-durable would do", async () => {
    const before = await disable("logger-2");
    const paths = [
      "/do/call/destroy",
      "/do/call/reset",
      "/do/call/persist",
      "/do/call/fetch",
      "/do/set/document",
      "/do/get-prop/document",
      "/do/get-prop/state",
      "/do/set/read",
      "/",
    ];
    for (const path of paths) {
      const response = await raw(path, [{}]);
      expect([path, response.status, await response.json()]).toMatchObject([path, 404, { status: 404 }]);
    }
    const posted = await raw("/do/call/read", [], "POST");
    expect([posted.status, await posted.json()]).toMatchObject([404, { status: 404 }]);
    await evictDurableObject(stub());
    expect(await calls.read()).toEqual(before);
  });

  it("cannot be reached through the Worker", async () => {
    const before = await calls.read();
    const headers = { "do-name": "layout", "do-content": "[]", "Content-Type": "application/json" };
    for (const path of ["/do/call/destroy", "/v1/cluster/do/call/destroy", "/v1/do/call/read"]) {
      const response = await exports.default.fetch(`https://fabric${path}`, { headers });
      await response.text();
      expect(response.ok).toBe(false);
    }
    expect(await calls.read()).toEqual(before);
  });
});

describe("[R34] a logger told of a change at run time", () => {
  it("refuses new batches at once, answers repeats, and still does after sleep and crash", async () => {
    const trunk = await LogTrunk.open();
    const first = trunk.batch(1, lines("a", 1));
    expect(await trunk.ask(first)).toMatchObject([{ type: "logAck" }]);
    await trunk.stub.setOverride({ epoch: 3, enabled: false });
    const refused = { type: "logRefused", code: "logger_disabled" };
    expect(await trunk.ask(trunk.batch(2, lines("b", 1)), first)).toMatchObject([
      refused,
      { type: "logAck" },
    ]);
    await evictDurableObject(trunk.stub);
    expect(await trunk.ask(trunk.batch(2, lines("b", 1)))).toMatchObject([refused]);
    await abortAllDurableObjects();
    expect(await trunk.stub.stat()).toMatchObject({ enabled: false, lastId: 1 });
  });

  it("goes by the highest epoch, whoever brings it", async () => {
    const { stub: logger, logger: name } = await LogTrunk.open();
    await logger.setOverride({ epoch: 5, enabled: false });
    await logger.setOverride({ epoch: 4, enabled: true });
    expect(await logger.stat()).toMatchObject({ enabled: false });
    await LogTrunk.open(name, { layout: [5, true] });
    expect(await logger.stat()).toMatchObject({ enabled: false });
    const trunk = await LogTrunk.open(name, { layout: [6, null] });
    expect(await trunk.ask(batchOf(lines("a", 1), { logger: name }))).toMatchObject([{ type: "logAck" }]);
    expect(await logger.stat()).toMatchObject({ enabled: true });
    await evictDurableObject(logger);
    await logger.setOverride({ epoch: 6, enabled: false });
    expect(await logger.stat()).toMatchObject({ enabled: true });
  });

  it("closes a trunk whose option makes no sense", async () => {
    const trunk = await LogTrunk.connect();
    const hello = { type: "hello", versions: [1, 1], instance: "x".repeat(16), connection: 1 } as const;
    trunk.send({ ...hello, options: { layout: [1, "off"] } });
    expect(await trunk.next()).toMatchObject({ type: "error", code: "invalid_message" });
    expect(await trunk.whenClosed()).toMatchObject({ code: 1008 });
  });
});
