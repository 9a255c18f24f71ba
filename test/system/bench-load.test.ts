// The load generator judges the fabric, so it must see a loss and a wrong order itself.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import type { LoadPlan } from "../../bench/load/plan.ts";
import { runLoad } from "../../bench/load/run.ts";

let server: WebSocketServer | undefined;

afterEach(() => server?.close());

/** A relay of this process; `change` tells which frames to send on when the `n`th arrives. */
async function relay(change: (frame: Buffer, n: number) => readonly Buffer[]): Promise<LoadPlan> {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  const subscribers: WebSocket[] = [];
  let n = 0;
  server.on("connection", (socket, request) => {
    if (request.url?.startsWith("/subscribe/")) subscribers.push(socket);
    socket.on("message", (frame: Buffer) => {
      for (const out of change(frame, n++)) for (const to of subscribers) to.send(out, { binary: false });
    });
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    targets: [{ dialect: "bare", origin: `http://127.0.0.1:${port}`, pid: process.pid }],
    shape: { groups: 1, publishers: 1, subscribers: 2, rate: 0 },
    window: 8,
    warmupMs: 20,
    sliceMs: 50,
    slices: 1,
  };
}

it("finds nothing wrong with a faithful relay", async () => {
  const [result] = await runLoad(await relay((frame) => [frame]));
  expect(result).toMatchObject({ lost: 0, disordered: 0, closed: [] });
  expect(result!.delivered).toBeGreaterThan(0);
});

it("sees that one frame is missing", async () => {
  const [result] = await runLoad(await relay((frame, n) => (n === 20 ? [] : [frame])));
  expect(result!.lost).toBeGreaterThan(0);
});

it("sees that one frame came twice", async () => {
  const [result] = await runLoad(await relay((frame, n) => (n === 20 ? [frame, frame] : [frame])));
  expect(result).toMatchObject({ lost: 0, disordered: 2 });
});

it("sees that two frames changed places", async () => {
  let held: Buffer | undefined;
  const plan = await relay((frame, n) => {
    if (n === 20) held = frame;
    return n === 20 ? [] : n === 21 ? [frame, held!] : [frame];
  });
  const [result] = await runLoad(plan);
  expect(result!.disordered).toBeGreaterThan(0);
});
