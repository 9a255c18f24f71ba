// The independent reader of R2's files must itself be right: it is what the no-loss tests believe.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linesOf, readR2Objects } from "../support/r2-files.ts";

const WORKER = `export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const key = url.pathname.slice(1);
    if (request.method === "DELETE") await env.LOGS.delete(key);
    else if (url.search === "?parts") {
      const upload = await env.LOGS.createMultipartUpload(key);
      const body = new Uint8Array(await request.arrayBuffer());
      const cut = 5 * 1024 * 1024;
      const parts = [await upload.uploadPart(1, body.slice(0, cut)), await upload.uploadPart(2, body.slice(cut))];
      await upload.complete(parts);
    } else await env.LOGS.put(key, await request.arrayBuffer());
    return new Response("done");
  },
};`;

describe("readR2Objects", () => {
  let dir: string;
  let server: Miniflare;
  let url: URL;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "selvedge-r2-"));
    const modules = { "worker.mjs": { type: "esm" as const, contents: WORKER } };
    server = new Miniflare({
      host: "127.0.0.1",
      port: 0,
      logRequests: false,
      telemetry: { enabled: false },
      resourcePersistencePath: dir,
      workers: [
        {
          config: {
            name: "r2",
            compatibilityDate: "2026-10-20",
            manifest: { mainModule: "worker.mjs", modulesRoot: dir, modules },
            env: { LOGS: { type: "r2", name: "one-bucket" } },
          },
          dev: { rootPath: dir },
        },
      ],
    });
    url = await server.ready;
  });

  afterAll(async () => {
    await server.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  const put = (key: string, body: Buffer) =>
    fetch(new URL(key, url), { method: "PUT", body: new Uint8Array(body) });

  it("finds nothing in a bucket that was never written", async () => {
    expect(await readR2Objects(dir, "another-bucket")).toEqual([]);
  });

  it("reads the current objects, and only those, while the server runs", async () => {
    await put("logs/b", Buffer.concat([gzipSync("1\n2\n"), gzipSync("3\n")]));
    await put("logs/a", Buffer.from("old"));
    await put("logs/a", Buffer.from("newer"));
    await put("gone", Buffer.from("x"));
    await fetch(new URL("gone", url), { method: "DELETE" });
    const objects = await readR2Objects(dir, "one-bucket");
    expect(objects.map((o) => o.key)).toEqual(["logs/a", "logs/b"]);
    expect(objects[0]!.bytes().toString()).toBe("newer");
    expect(objects[0]!.size).toBe(5);
    expect(linesOf(objects[1]!)).toEqual(["1", "2", "3"]);
  });

  it("joins the parts of a multipart upload in order", async () => {
    const body = Buffer.alloc(6 * 1024 * 1024, "abcdefg");
    await fetch(new URL("big?parts", url), { method: "PUT", body: new Uint8Array(body) });
    const big = (await readR2Objects(dir, "one-bucket")).find((o) => o.key === "big")!;
    expect(big.bytes().equals(body)).toBe(true);
  });
});
