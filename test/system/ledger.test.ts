/** The loss ledger over a running fabric: the command, the route, and whether both ends of every trunk agree. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LedgerView } from "../../src/worker/ledger-route.ts";
import { connect, count } from "../../src/sdk/index.ts";
import { runCli } from "../support/cli.ts";
import { startServe, type ServeProcess } from "../support/fabric.ts";
import { ResumingReader } from "../support/resuming-reader.ts";
import { signToken, TEST_KEY } from "../support/tokens.ts";

const EVENTS = 200;
let fabric: ServeProcess;
beforeAll(async () => {
  fabric = await startServe();
});
afterAll(async () => {
  await fabric.dispose();
});

const ledger = async (...args: readonly string[]) =>
  runCli(["ledger", ...args], { env: { SELVEDGE_URL: fabric.url } });
const read = async () => (await (await fetch(`${fabric.url}/v1/ledger`)).json()) as LedgerView;
/** For polls: a machine with other work to do is slow. */
const SOON = { timeout: 20_000 };
/** The ledger when nothing is under way any more. */
async function quiet(): Promise<LedgerView> {
  let view: LedgerView | undefined;
  const done = { inFlight: 0, queued: 0 };
  const isQuiet = async () => {
    view = await read();
    return { ...view.routers[0]!.readers, sessions: view.sessions.publishers };
  };
  await expect.poll(isQuiet, SOON).toMatchObject({ ...done, sessions: { queued: 0, unacknowledged: 0 } });
  return view!;
}

describe("selvedge ledger", () => {
  test("H-11 R38 every event is accounted for, and the ends of the trunks agree", async () => {
    const readers = ["a/", "a"].map((prefix) => new ResumingReader(prefix, { events: "counted" }));
    await Promise.all(readers.map(async (reader) => reader.connect(fabric.wsUrl)));
    await using publisher = await connect(fabric.url);
    for (let n = 0; n < EVENTS; n++) publisher.publish("a/b", "ev", [count(n)]);
    await publisher.flush();
    await expect.poll(() => readers.map(({ received }) => received), SOON).toEqual([EVENTS, EVENTS]);
    const { balanced, routers, sessions } = await quiet();
    expect(balanced).toBe(true);
    expect(routers).toMatchObject([
      {
        router: "main",
        publishers: { received: EVENTS, published: EVENTS },
        readers: { offered: 2 * EVENTS, delivered: 2 * EVENTS, unaccounted: 0 },
        problems: [],
      },
    ]);
    expect(sessions).toMatchObject({
      publishers: { received: EVENTS, acknowledged: EVENTS },
      readers: { arrived: 2 * EVENTS, handed: 2 * EVENTS },
      problems: [],
    });
    for (const reader of readers) reader.cut();
  });

  test("R38 a reader that is cut off leaves what was on its way unaccounted, until it comes back", async () => {
    const before = (await quiet()).routers[0]!.readers;
    const reader = new ResumingReader("b/");
    await using publisher = await connect(fabric.url);
    await reader.connect(fabric.wsUrl);
    reader.isConsuming = false;
    publisher.publish("b/c", "ev", []);
    await publisher.flush();
    await expect.poll(() => reader.received, SOON).toBe(1);
    reader.cut();
    await expect
      .poll(async () => (await read()).routers[0]!.readers.unaccounted, SOON)
      .toBe(before.unaccounted + 1);
    expect((await ledger()).stdout).toContain("note: router main: at most 1 events were lost on their way");
    await reader.connect(fabric.wsUrl);
    const { readers } = (await quiet()).routers[0]!;
    expect(readers).toMatchObject({
      unaccounted: before.unaccounted,
      delivered: before.delivered + 1,
    });
    reader.cut();
  });

  test("prints a table by component, side and reason", async () => {
    const { status, stdout, stderr } = await ledger();
    expect([status, stderr]).toEqual([0, ""]);
    expect(JSON.parse((await ledger("--json")).stdout)).toMatchObject({ balanced: true });
    expect(stdout).toMatch(/^component +side +what +events$/m);
    expect(stdout).toMatch(/^router main +publishers +published +\d+$/m);
    expect(stdout).toMatch(/^sessions +readers +handed +\d+$/m);
    expect(stdout).toContain("every ledger balances");
  });

  test("H-7 R38 metrics show it", async () => {
    const text = await (await fetch(`${fabric.url}/metrics`)).text();
    expect(text).toMatch(/^selvedge_router_published_events_total\{router="main"\} \d+$/m);
    expect(text).toMatch(/^selvedge_router_dropped_events_total\{router="main",reason="slow_reader"\} 0$/m);
    expect(text).toMatch(/^selvedge_router_ledger_balanced\{router="main"\} 1$/m);
    expect(text).toMatch(/^selvedge_sessions_events\{isolate="[^"]+",side="readers",count="handed"\} \d+$/m);
  });

  test("H-11 is the operator's", async () => {
    const locked = await startServe({ env: { SELVEDGE_KEY: TEST_KEY } });
    try {
      const run = async (...args: readonly string[]) => runCli(["ledger", "--url", locked.url, ...args]);
      const other = await signToken({ publish: [""], subscribe: [""] });
      expect(await run()).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("(no_token)") as unknown,
      });
      expect(await run("--token", other)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("(forbidden)") as unknown,
      });
      expect(await run("--token", await signToken({ admin: true }))).toMatchObject({ status: 0 });
    } finally {
      await locked.dispose();
    }
  });

  test("R38 says what does not add up, with status 1", async () => {
    const view = await read();
    const problems = ["readers: 2 events are not accounted for"];
    const wrong = { ...view, balanced: false, routers: [{ ...view.routers[0]!, problems }] };
    const server = createServer((_, response) => response.end(JSON.stringify(wrong)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const args of [[], ["--json"]]) {
      const { status, stderr } = await runCli(["ledger", "--url", url, ...args]);
      expect(status).toBe(1);
      expect(stderr).toBe(
        "selvedge: the ledger does not balance: router main: readers: 2 events are not accounted for\n",
      );
    }
    server.close();
  });
});
