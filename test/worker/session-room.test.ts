/** The bound of an isolate's buffers, through the Worker itself. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import worker from "../../src/index.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Session } from "../../src/protocol/session.ts";
import { SessionDriver } from "../../src/worker/session-driver.ts";

/** A session that holds this much. */
function holding(bufferedBytes: number): void {
  const session = { bufferedBytes, deadlineMs: undefined, drain: () => [], flush: () => {} };
  const ports = { openTrunk: () => Promise.reject(new Error("none")), done: () => {} };
  new SessionDriver(new WebSocketPair()[1], session as unknown as Session & { bufferedBytes: number }, ports);
}

test("R12 past the bound of an isolate's buffers an upgrade is answered 503, at it 101", async () => {
  const open = { ...env, SELVEDGE_OPEN: "loopback" };
  const upgrade = () =>
    worker.fetch(
      new Request("http://127.0.0.1/v1/messages/json", { headers: { Upgrade: "websocket" } }),
      open,
      createExecutionContext(),
    );
  holding(LIMITS.isolateBufferBytesMax - 1);
  const taken = await upgrade();
  expect(taken.status).toBe(101);
  taken.webSocket?.accept();
  taken.webSocket?.close(1000, "");
  holding(1);
  const refused = await upgrade();
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain("no room for another session");
});
