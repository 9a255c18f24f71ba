/** The SDK inside a Worker: the published bundle on workerd, which connects out to a fabric. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildSdk } from "../../scripts/sdk-build.ts";
import { readWorkerConfig } from "../../src/cli/bundle.ts";
import { connect, count, type Client } from "../../src/sdk/index.ts";
import { startInProcess, tempDir } from "../support/fabric.ts";

/** Publishes what it is asked with, and answers with the first event under `back/`. */
const WORKER = `
import { connect, toJs } from "./sdk.mjs";
export default {
  async fetch(request) {
    const url = new URL(request.url);
    await using client = await connect(url.searchParams.get("fabric"));
    const stream = client.subscribe("back/");
    await stream.ready;
    const ack = await client.publishAcked("there/x", "Worker::asks", [request.method]);
    for await (const event of stream) {
      return Response.json({ means: ack.means, name: event.name, args: event.args.map((arg) => String(toJs(arg))) });
    }
  },
};`;

const folder = tempDir("selvedge-sdk");
let fabric: Awaited<ReturnType<typeof startInProcess>>;
let worker: Miniflare;
let client: Client;

beforeAll(async () => {
  buildSdk(folder);
  const { compatibilityDate } = await readWorkerConfig();
  fabric = await startInProcess();
  const contents = (text: string) => ({ type: "esm" as const, contents: text });
  worker = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    logRequests: false,
    telemetry: { enabled: false },
    cf: false,
    workers: [
      {
        config: {
          name: "sdk",
          compatibilityDate,
          manifest: {
            mainModule: "index.mjs",
            modulesRoot: folder,
            modules: {
              "index.mjs": contents(WORKER),
              "sdk.mjs": contents(readFileSync(join(folder, "index.js"), "utf8")),
            },
          },
          env: {},
          exports: {},
        },
        dev: { rootPath: folder },
      },
    ],
  });
  client = await connect(fabric.url);
});

afterAll(async () => {
  client.abort();
  await worker.dispose();
  await fabric.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each(["", "/v1/messages/json"])("publishes, iterates and ends (%s)", async (path) => {
  const there = client.subscribe("there/");
  await there.ready;
  const entry = await worker.ready;
  const answer = fetch(new URL(`/?fabric=${encodeURIComponent(fabric.url + path)}`, entry));
  for await (const event of there) {
    expect(event.name).toBe("Worker::asks");
    break;
  }
  client.publish("back/x", "Fabric::answers", [count(2n ** 64n - 1n)]);
  expect(await (await answer).json()).toEqual({
    means: path === "" ? "sequenced" : "sent",
    name: "Fabric::answers",
    args: ["18446744073709551615"],
  });
});
