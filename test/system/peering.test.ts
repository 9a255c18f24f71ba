/** `selvedge peer` between fabrics as users run them: processes of their own, real sockets, real kills. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { connect, type Client } from "../../src/sdk/index.ts";
import { startCli, type CliProcess } from "../support/cli.ts";
import { startServe, tempDir, type ServeProcess } from "../support/fabric.ts";

const started: ServeProcess[] = [];
const clients: Client[] = [];
const peers: CliProcess[] = [];

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.signal("SIGKILL");
  for (const client of clients.splice(0)) client.abort();
  await Promise.all(started.splice(0).map((fabric) => fabric.dispose()));
});

async function fabric(name: string): Promise<ServeProcess> {
  const file = join(tempDir("selvedge-layout"), "layout.json");
  const retention = [{ prefix: "kept/", seconds: 600 }];
  writeFileSync(file, JSON.stringify({ fabric: name, retention }));
  const process = await startServe({ args: ["--layout", file] });
  started.push(process);
  return process;
}

async function clientOf({ url }: ServeProcess): Promise<Client> {
  const client = await connect(url);
  clients.push(client);
  return client;
}

/** Starts a peering and waits until both sides are there. */
async function peer(left: ServeProcess, right: ServeProcess, ...args: string[]): Promise<CliProcess> {
  const process = startCli(["peer", right.url, "--url", left.url, "--json", ...args]);
  peers.push(process);
  await process.until("subscribed");
  return process;
}

async function reader(
  of: ServeProcess,
  prefix: string,
): Promise<{ seen: string[]; until(count: number): Promise<void> }> {
  const client = await clientOf(of);
  const seen: string[] = [];
  let wake = () => {};
  await client.subscribe(prefix, (event) => {
    seen.push(event.name);
    wake();
  });
  return {
    seen,
    until: async (count) => {
      while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `e${from + i}`);

test("N-22 carries topics each way, ends at a signal with status 0, and says what it carried", async () => {
  const [a, b] = await Promise.all([fabric("a"), fabric("b")]);
  const [atA, atB] = await Promise.all([reader(a, ""), reader(b, "")]);
  const process = await peer(a, b, "--to", "up/", "--from", "down/", "--state", tempDir());
  await (await clientOf(a)).publishAcked("up/x", "one");
  await (await clientOf(b)).publishAcked("down/x", "two");
  await Promise.all([atA.until(2), atB.until(2)]);
  expect([atA.seen.toSorted(), atB.seen.toSorted()]).toEqual([
    ["one", "two"],
    ["one", "two"],
  ]);
  process.signal("SIGTERM");
  const { status, stdout } = await process.done();
  expect(status).toBe(0);
  expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({
    event: "ended",
    to: { carried: 1 },
    from: { carried: 1 },
  });
});

test("[C4] a ring of three fabrics: every event is everywhere, once", async () => {
  const ring = await Promise.all(["a", "b", "c"].map(fabric));
  const readers = await Promise.all(ring.map((one) => reader(one, "")));
  for (const i of [0, 1, 2]) {
    await peer(ring[i]!, ring[(i + 1) % 3]!, "--to", "", "--from", "", "--state", tempDir());
  }
  const publishers = await Promise.all(ring.map(clientOf));
  for (const name of names(1, 30)) publishers[Number(name.slice(1)) % 3]!.publish("x", name);
  await Promise.all(publishers.map((client) => client.flush()));
  await Promise.all(readers.map((read) => read.until(30)));
  // A marker of each fabric has gone every way that a repeat could take.
  for (const [i, client] of publishers.entries()) client.publish("x", `end${i}`);
  await Promise.all(readers.map((read) => read.until(33)));
  for (const { seen } of readers)
    expect(seen.filter((name) => name.startsWith("e")).toSorted()).toEqual(
      [...names(1, 30), "end0", "end1", "end2"].toSorted(),
    );
});

test("SIGKILL of the peering and of the far fabric: what is kept arrives once and in order", async () => {
  const [a, b] = await Promise.all([fabric("a"), fabric("b")]);
  const state = tempDir();
  const first = await peer(a, b, "--to", "kept/", "--state", state);
  const publisher = await clientOf(a);
  const send = async (from: number, to: number) => {
    for (const name of names(from, to)) publisher.publish("kept/x", name);
    await publisher.flush();
  };
  const atB = await reader(b, "kept/");
  await send(1, 50);
  await atB.until(50);
  first.signal("SIGKILL");
  await first.done();
  await send(51, 100);
  await peer(a, b, "--to", "kept/", "--state", state);
  await atB.until(100);
  await send(101, 150);
  await atB.until(150);
  expect(atB.seen).toEqual(names(1, 150));
});

test("one fabric cannot be its own peer, and nothing to carry is a usage error", async () => {
  const a = await fabric("a");
  const twice = startCli(["peer", a.url, "--url", a.url, "--to", "", "--state", tempDir()]);
  const { status, stderr } = await twice.done();
  expect([status, stderr]).toEqual([1, expect.stringContaining("both sides are called 'a'")]);
  expect((await startCli(["peer", a.url, "--url", a.url]).done()).status).toBe(2);
});
