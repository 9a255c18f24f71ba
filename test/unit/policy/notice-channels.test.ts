/** The ways out of the cluster, against a server that really listens. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { webhook } from "../../../src/policy/notice-channels.ts";

const NOTICE = {
  note: "Test::Note",
  msg: "m",
  sub: "",
  src: "10.0.0.9",
  identifier: "i",
  suppressForMs: 60_000,
};
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function answering(status: number): Promise<{ url: string; bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      bodies.push([
        request.method,
        request.headers["content-type"],
        request.headers["x-key"],
        JSON.parse(body),
      ]);
      response.writeHead(status).end("answer");
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies };
}

test("[D6] a webhook posts the notice as JSON", async () => {
  const { url, bodies } = await answering(204);
  await webhook(url, { "X-Key": "k" })(NOTICE);
  expect(bodies).toEqual([["POST", "application/json", "k", NOTICE]]);
});

test("an answer that is no success is an error, so that it is sent again", async () => {
  const { url } = await answering(503);
  await expect(webhook(url)(NOTICE)).rejects.toThrow(/answered 503$/);
});

test("so is nobody there", async () => {
  const { url } = await answering(200);
  servers.splice(0).forEach((server) => server.close());
  await expect(webhook(url)(NOTICE)).rejects.toThrow();
});
