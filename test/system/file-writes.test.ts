/** Raw writes over the real runtime: what subscribers get, what R2's files hold, what the command line prints. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { parseRawWrite } from "../../src/protocol/raw-write.ts";
import { connect } from "../../src/sdk/index.ts";
import { Random } from "../sim/kit/random.ts";
import type { Fabric } from "../../src/cli/fabric.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { runCli, startNode } from "../support/cli.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { startInProcess, startServe, tempDir, type ServeProcess } from "../support/fabric.ts";
import { readR2Objects } from "../support/r2-files.ts";
import { signToken, TEST_KEY } from "../support/tokens.ts";

const root = tempDir("selvedge-files");
let serve: ServeProcess;
let open: Fabric;
const token = async (logs: string[], admin = false) =>
  signToken({ publish: [""], subscribe: [""], logs, admin });

beforeAll(async () => {
  serve = await startServe({
    state: join(root, "state"),
    layout: { loggers: [{ name: "one" }, { name: "two" }] },
    env: { SELVEDGE_KEY: TEST_KEY },
  });
  open = await startInProcess();
});
afterAll(async () => {
  await open.close();
  await serve.dispose();
  rmSync(root, { recursive: true, force: true });
});

const client = async (logs = ["*"]) => connect(serve.url, { token: await token(logs) });
const get = async (path: string, logs = ["*"]) =>
  fetch(`${serve.url}/v1/files${path}`, { headers: { Authorization: `Bearer ${await token(logs)}` } });
const bytesAt = async (path: string) => Buffer.from(await (await get(path)).arrayBuffer());
const flush = async () => {
  const headers = { Authorization: `Bearer ${await token([], true)}` };
  expect((await fetch(`${serve.url}/v1/logs/flush`, { method: "POST", headers })).status).toBe(200);
};

/** The file as one who has only R2 puts it together. */
async function stored(path: string): Promise<Buffer> {
  const files = await readR2Objects(serve.state, "selvedge-logs");
  const parts = files.filter(({ key }) => key.slice(0, key.lastIndexOf("/")) === `files/${path}`);
  return Buffer.concat(parts.map((part) => part.bytes()));
}

describe("raw writes", () => {
  it("L-4 [C79] subscribers get path and bytes; the file is whole before and after it is in R2", async () => {
    await using reader = await client();
    const events = reader.subscribe("site/files/");
    await events.ready;
    await using writer = await client();
    const chunks = [randomBytes(1_000), Buffer.from("text\n"), randomBytes(70_000)];
    await Promise.all(chunks.map(async (chunk) => writer.files.write("site/files/x", "dir/a é.bin", chunk)));
    for (const chunk of chunks) {
      const { value } = await events.next();
      expect(parseRawWrite(value!)).toEqual({ path: "dir/a é.bin", data: new Uint8Array(chunk) });
    }
    const whole = Buffer.concat(chunks);
    expect(await stored("dir/a é.bin")).toEqual(Buffer.alloc(0));
    expect((await bytesAt("/dir/a%20%C3%A9.bin")).equals(whole)).toBe(true);
    await flush();
    expect((await stored("dir/a é.bin")).equals(whole)).toBe(true);
    await writer.files.write("site/files/x", "dir/a é.bin", "more");
    expect((await bytesAt("/dir/a%20%C3%A9.bin")).equals(Buffer.concat([whole, Buffer.from("more")]))).toBe(
      true,
    );
  });

  it("[R17] each chunk is there once and in its place, whatever is cut on the way", async () => {
    const proxy = await CuttingProxy.start(serve.url, new Random(7));
    const writer = await connect(proxy.url, { token: await token(["*"]) });
    const chunks = Array.from({ length: 200 }, (_, i) =>
      Buffer.from(`${i} ${randomBytes(3_000).toString("hex")}\n`),
    );
    const written = Promise.all(chunks.map(async (chunk) => writer.files.write("t", "cut.log", chunk)));
    for (let i = 0; i < 5; i++) {
      await sleep(20);
      proxy.cutOne();
    }
    await written;
    await flush();
    expect((await stored("cut.log")).equals(Buffer.concat(chunks))).toBe(true);
    await writer.close();
    expect(proxy.cuts).toBeGreaterThan(1);
    proxy.close();
  });

  it("L-3 a file goes on at the other logger when its own is disabled, and is read in order", async () => {
    const headers = { Authorization: `Bearer ${await token([], true)}` };
    const set = async (name: string, enabled: boolean) =>
      fetch(`${serve.url}/v1/cluster/loggers/${name}`, {
        method: "PUT",
        body: JSON.stringify({ enabled }),
        headers,
      });
    await using writer = await client();
    await writer.files.write("t", "moved", "1");
    const listed = (await (await get("")).json()) as { path: string; logger: string }[];
    const { logger: owner } = listed.find(({ path }) => path === "moved")!;
    await set(owner, false);
    await Promise.all(["2", "3"].map(async (text) => writer.files.write("t", "moved", text)));
    await set(owner, true);
    await writer.files.write("t", "moved", "4");
    expect((await bytesAt("/moved")).toString()).toBe("1234");
    await flush();
    expect((await stored("moved")).toString()).toBe("1234");
    expect((await bytesAt("/moved")).toString()).toBe("1234");
  });

  it("K-4 H-14 the token must grant the path, for writing and for reading", async () => {
    await using writer = await client(["files/mine/"]);
    await writer.files.write("t", "mine/a", "yes");
    await expect(writer.files.write("t", "other/a", "no")).rejects.toMatchObject({ code: "forbidden" });
    await writer.files.write("t", "mine/a", " still");
    expect((await bytesAt("/mine/a")).toString()).toBe("yes still");
    const statusOf = async (path: string, logs?: string[]) => (await get(path, logs)).status;
    expect([
      await statusOf("/mine/a", ["files/mine/"]),
      await statusOf("/mine/a", ["files/other/"]),
      await statusOf("/mine/none", ["files/mine/"]),
      await statusOf("/mine/%2e%2e/a"),
      await statusOf("/mine/%ff"),
      await statusOf("/a//b"),
    ]).toEqual([200, 403, 404, 404, 400, 400]);
  });

  it("H-13 the list has what is granted, and no log streams; the list of logs has no files", async () => {
    await using writer = await client();
    writer.logs.write("plain", { text: "x" });
    await writer.files.write("t", "mine/listed", "12345");
    await writer.logs.flush();
    const mine = (await (await get("", ["files/mine/"])).json()) as { path: string; bytes: number }[];
    expect(mine.find(({ path }) => path === "mine/listed")).toMatchObject({ bytes: 5, chunks: 1, key: null });
    expect(mine.every(({ path }) => path.startsWith("mine/"))).toBe(true);
    expect(await (await get("", ["plain"])).json()).toEqual([]);
    const logs = await fetch(`${serve.url}/v1/logs`, {
      headers: { Authorization: `Bearer ${await token(["*"])}` },
    });
    const streams = new Set(((await logs.json()) as { stream: string }[]).map(({ stream }) => stream));
    expect(streams).toEqual(new Set(["plain"]));
  });

  it("bounds: a chunk may fill a batch and no more; a path that may not be is refused; an empty chunk is told only", async () => {
    await using writer = await client();
    const most = randomBytes(LIMITS.logBatchBytesMax);
    await writer.files.write("t", "big", most);
    expect((await bytesAt("/big")).equals(most)).toBe(true);
    await expect(writer.files.write("t", "big", Buffer.concat([most, Buffer.of(0)]))).rejects.toMatchObject({
      code: "too_large",
    });
    await expect(writer.files.write("t", "../a", "x")).rejects.toMatchObject({ code: "invalid_data" });
    await writer.files.write("t", "empty", "");
    expect((await get("/empty")).status).toBe(404);
  });

  it("[C81] the example redirects what it prints to a file", async () => {
    const example = await startNode(join(PACKAGE_ROOT, "examples/remote-print.ts"), [open.url]).done();
    const prints = "prints/worker-1.log";
    expect(example).toEqual({ status: 0, stdout: `${prints}: hello, world\n${prints}: bye\n`, stderr: "" });
    expect(await (await fetch(`${open.url}/v1/files/${prints}`)).text()).toBe("hello, world\nbye\n");
  });

  it("[C81] the command line prints and keeps files: printing that was redirected", async () => {
    await using writer = await client();
    const print = async (...words: string[]) =>
      writer.files.write("print", "out.log", `${words.join(", ")}\n`);
    await print("hello", "world");
    await print("bye");
    const cli = async (...args: string[]) =>
      runCli(["files", ...args, "--url", serve.url], { env: { SELVEDGE_TOKEN: await token(["files/"]) } });
    expect(await cli("get", "out.log")).toEqual({ status: 0, stdout: "hello, world\nbye\n", stderr: "" });
    expect((await cli("ls")).stdout).toMatch(/^out\.log +17 +2? *1? /m);
    expect(await cli("get", "no such")).toMatchObject({ status: 1 });
  });
});
