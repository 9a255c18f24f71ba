/** Endpoints inside one process: Broker's operations, without sockets. */
import { describe, expect, test } from "vitest";
import { count } from "../../../src/data/value.ts";
import { Endpoints, Inbox, join, next, place } from "../../support/endpoints.ts";

describe("peering", () => {
  test("[A34][B19] peer_added is raised on both sides, with the id of the other endpoint", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const bound = await listener.listen(place());
    const added = [next(listener, "peer_added"), next(dialler, "peer_added")];
    expect(dialler.peer(bound, { retryMs: 10 })).toBe(true);
    const [atListener, atDialler] = await Promise.all(added);
    expect(atListener!.peer).toMatchObject({ id: dialler.nodeId(), status: "peered", isOutbound: false });
    expect(atDialler!.peer).toMatchObject({ id: listener.nodeId(), status: "peered", isOutbound: true });
  });

  test("[A37][A38] a subscription at run time takes effect, in both directions", async () => {
    await using all = new Endpoints();
    const [a, b] = await all.line(2);
    const [atA, atB] = [new Inbox(a!, "ev"), new Inbox(b!, "ev")];
    await a!.subscribe("t/");
    await b!.subscribe("t/");
    b!.publish("t/x", "ev", count(1), "from b");
    a!.publish("t/x", "ev", count(2), "from a");
    expect(await atA.until(1)).toMatchObject([{ topic: "t/x", isRemote: true, origin: b!.nodeId() }]);
    await atB.until(1);
    expect(atA.firsts).toEqual([1n]);
    expect(atB.firsts).toEqual([2n]);
  });
});
