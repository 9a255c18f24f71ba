/** Connections of endpoints: who is told what, who is refused, and what is tried again. */
import { describe, expect, test } from "vitest";
import { count } from "../../../src/data/value.ts";
import { Endpoint } from "../../../src/endpoint/endpoint.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { openInproc } from "../../../src/endpoint/inproc.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { hello } from "../../support/router-rig.ts";
import { Endpoints, Inbox, join, next, place } from "../../support/endpoints.ts";

describe("statuses", () => {
  test("[A34][B19] peer_added is raised on both sides, with the id of the other endpoint", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make({ name: "ears" }), all.make({ name: "voice" })];
    const bound = await listener.listen(place());
    const added = [next(listener, "peer_added"), next(dialler, "peer_added")];
    expect(dialler.peer(bound, { retryMs: 10 })).toBe(true);
    const [atListener, atDialler] = await Promise.all(added);
    const standing = { url: bound, status: "peered" };
    expect(atListener!.peer).toEqual({ ...standing, id: dialler.nodeId(), name: "voice", isOutbound: false });
    expect(atDialler!.peer).toEqual({ ...standing, id: listener.nodeId(), name: "ears", isOutbound: true });
    expect([listener.peers(), dialler.peers()]).toEqual([[atListener!.peer], [atDialler!.peer]]);
  });

  test("[A35][B19] peer_lost is raised when the other side stops, peer_removed when this one leaves", async () => {
    await using all = new Endpoints();
    const [listener, first, second] = [all.make(), all.make(), all.make()];
    await join(first, listener);
    await join(second, listener);
    const lost = [next(listener, "peer_lost"), next(second, "peer_lost")] as const;
    const removed = next(first, "peer_removed");
    const [url] = first.peers().map((peer) => peer.url);
    expect([first.unpeer(url!), first.unpeer(url!)]).toEqual([true, false]);
    expect((await removed).peer.id).toBe(listener.nodeId());
    expect((await lost[0]).peer.id).toBe(first.nodeId());
    expect(first.peers()).toEqual([]);
    await listener.close();
    expect((await lost[1]).peer).toMatchObject({ id: listener.nodeId(), status: "reconnecting" });
  });

  test("status is called for each of them", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const types: string[] = [];
    dialler.onStatus("status", ({ type }) => types.push(type));
    const url = await join(dialler, listener);
    dialler.unpeer(url);
    expect(types).toEqual(["peer_added", "peer_removed"]);
  });
});

describe("retry", () => {
  test("a dialler that finds nobody tries again, and says so each time", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const url = place();
    const failed = next(dialler, "error");
    dialler.peer(url, { retryMs: 1 });
    expect(await failed).toMatchObject({ code: "peer_unavailable", peer: { status: "reconnecting" } });
    const added = next(dialler, "peer_added");
    await listener.listen(url);
    expect((await added).peer.id).toBe(listener.nodeId());
  });

  test("with 0 it gives up after the first failure", async () => {
    await using all = new Endpoints();
    const dialler = all.make();
    const failed = next(dialler, "error");
    dialler.peer(place(), { retryMs: 0 });
    expect((await failed).code).toBe("peer_unavailable");
    await new Promise(setImmediate);
    expect(dialler.peers()).toEqual([]);
  });

  test("a peer that comes back has what is wanted of it, and is told what it wants", async () => {
    await using all = new Endpoints();
    const dialler = all.make();
    const url = place();
    const first = new Endpoint();
    await dialler.subscribe("d/");
    await join(dialler, first, url);
    const lost = next(dialler, "peer_lost");
    await first.close();
    await lost;
    const second = all.make();
    await second.subscribe("s/");
    const added = [next(second, "peer_added"), next(dialler, "peer_added")];
    await second.listen(url);
    await Promise.all(added);
    const [atDialler, atSecond] = [new Inbox(dialler, "ev"), new Inbox(second, "ev")];
    second.publish("d/x", "ev", count(1));
    dialler.publish("s/x", "ev", count(2));
    await Promise.all([atDialler.until(1), atSecond.until(1)]);
    expect([atDialler.firsts, atSecond.firsts]).toEqual([[1n], [2n]]);
  });
});

describe("who may come in", () => {
  test("[C28] the callback refuses a peer before anything of it is used, and gets the cookie", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make({ name: "stranger" })];
    const inbox = new Inbox(listener, "ev");
    await listener.subscribe("");
    const cookie = { seen: [] as (string | undefined)[] };
    const bound = await listener.listen(place(), {
      accept: ({ name }, given) => {
        given.seen.push(name);
        return name !== "stranger";
      },
      cookie,
    });
    const failed = next(dialler, "error");
    dialler.peer(bound, { retryMs: 1 });
    expect((await failed).code).toBe("forbidden");
    dialler.publish("t", "ev");
    const friend = all.make({ name: "friend" });
    await all.dial(friend, bound);
    friend.publish("t", "ev", "friend");
    await inbox.until(1);
    expect(inbox.firsts).toEqual(["friend"]);
    expect(cookie.seen).toEqual(["stranger", "friend"]);
    expect([dialler.peers(), listener.peers().length]).toEqual([[], 1]);
  });

  test("[C6] a token comes with the peer, for the callback to check", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const bound = await listener.listen(place(), {
      accept: ({ token }) => Promise.resolve(token === "secret"),
    });
    const failed = next(dialler, "error");
    dialler.peer(bound, { token: "guess", retryMs: 1 });
    expect((await failed).code).toBe("forbidden");
    await all.dial(dialler, bound, { token: "secret" });
  });

  test("a callback that throws refuses", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const bound = await listener.listen(place(), { accept: () => Promise.reject(new Error("no database")) });
    const failed = next(dialler, "error");
    dialler.peer(bound, { retryMs: 1 });
    expect((await failed).code).toBe("forbidden");
  });
});

describe("while a peer is judged", () => {
  test.each([
    ["visitorBytesMax may come", 0, "forbidden"],
    ["one byte more may not", 1, "publisher_too_fast"],
  ])("%s", async (_what, extra, code) => {
    await using all = new Endpoints();
    const verdict = Promise.withResolvers<boolean>();
    const url = await all.make().listen(place(), { accept: () => verdict.promise });
    const closed = Promise.withResolvers<string>();
    const socket = openInproc(
      url.replace("inproc://", ""),
      { url, token: undefined },
      {
        opened: () => {
          socket.send(encodeFrame(hello(1)));
          for (let left = LIMITS.visitorBytesMax + extra; left > 0; left -= LIMITS.frameBytesMax) {
            socket.send(new Uint8Array(Math.min(left, LIMITS.frameBytesMax)));
          }
        },
        received: (message) => {
          const frame = decodeFrame(message as Uint8Array);
          if (frame.type === "error") closed.resolve(frame.code);
        },
        closed: () => closed.resolve("closed without a reason"),
      },
    );
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    verdict.resolve(false);
    expect(await closed.promise).toBe(code);
  });
});

test("a dialler that chooses to block misses nothing of what is published faster than it reads", async () => {
  await using all = new Endpoints();
  const [listener, dialler] = [all.make(), all.make()];
  const inbox = new Inbox(dialler, "ev");
  await dialler.subscribe("t/");
  const missed: unknown[] = [];
  dialler.onStatus("gap", (gap) => missed.push(gap));
  const options = { overflow: "block", windowBytes: 10_000, queueBytes: 10_000 } as const;
  await all.dial(dialler, await listener.listen(place()), options);
  const total = 10_000;
  for (let n = 1; n <= total; n++) listener.publish("t/x", "ev", count(n));
  await inbox.until(total);
  expect(inbox.firsts).toEqual(Array.from({ length: total }, (_, n) => BigInt(n + 1)));
  expect(missed).toEqual([]);
});

describe("places", () => {
  test.each(["tcp://127.0.0.1:9", "127.0.0.1:9", "ipc://x", "inproc://", "ws://"])(
    "[C2] %s is no location",
    async (url) => {
      const endpoint = new Endpoint();
      const refused = expect.objectContaining({
        code: "invalid_uri",
        message: expect.stringContaining("inproc://name") as string,
      });
      expect(() => endpoint.peer(url)).toThrow(refused as Error);
      await expect(endpoint.listen(url)).rejects.toThrow(refused as Error);
    },
  );

  test("a place that is taken is in_use, and free again when its endpoint has closed", async () => {
    await using all = new Endpoints();
    const [a, b] = [all.make(), all.make()];
    const url = place();
    await a.listen(url);
    await expect(b.listen(url)).rejects.toMatchObject({ code: "in_use" });
    await a.close();
    expect(await b.listen(url)).toBe(url);
  });

  test("a place is dialled once", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const url = await join(dialler, listener);
    expect(dialler.peer(url)).toBe(false);
  });

  test("an endpoint that is closed neither dials nor listens", async () => {
    const endpoint = new Endpoint();
    await endpoint.close();
    expect(() => endpoint.peer(place())).toThrow(expect.objectContaining({ code: "shutting_down" }) as Error);
    await expect(endpoint.listen(place())).rejects.toMatchObject({ code: "shutting_down" });
  });
});

describe("several ways to one peer", () => {
  test("a second connection is left as redundant, and the peer stays", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    await join(dialler, listener);
    const other = await listener.listen(place());
    const failed = next(dialler, "error");
    dialler.peer(other, { retryMs: 1 });
    expect((await failed).code).toBe("redundant_connection");
    expect([dialler.peers().length, listener.peers().length]).toEqual([1, 1]);
  });

  test("an endpoint that dials itself finds that out", async () => {
    await using all = new Endpoints();
    const endpoint = all.make();
    const failed = next(endpoint, "error");
    endpoint.peer(await endpoint.listen(place()), { retryMs: 1 });
    expect((await failed).code).toBe("redundant_connection");
    expect(endpoint.peers()).toEqual([]);
  });

  test("when both dial each other one connection stays, and each event comes once", async () => {
    await using all = new Endpoints();
    const [a, b] = [all.make(), all.make()];
    await Promise.all([a.subscribe("t/"), b.subscribe("t/")]);
    const places = [await a.listen(place()), await b.listen(place())] as const;
    const redundant = Promise.race([next(a, "error"), next(b, "error")]);
    const added = [next(a, "peer_added"), next(b, "peer_added")];
    a.peer(places[1], { retryMs: 1 });
    b.peer(places[0], { retryMs: 1 });
    await Promise.all(added);
    await redundant;
    const [atA, atB] = [new Inbox(a, "ev"), new Inbox(b, "ev")];
    for (let n = 1; n <= 3; n++) {
      a.publish("t/x", "ev", count(n));
      b.publish("t/x", "ev", count(n));
    }
    await Promise.all([atA.until(3), atB.until(3)]);
    expect([atA.firsts, atB.firsts]).toEqual([
      [1n, 2n, 3n],
      [1n, 2n, 3n],
    ]);
    expect([a.peers().length, b.peers().length]).toEqual([1, 1]);
  });
});
