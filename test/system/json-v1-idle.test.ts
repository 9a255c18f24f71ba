/** What only time shows: silent clients, a sleeping router, a client that never subscribes. Real time, side by side. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { endpointUrl, JsonClient } from "../support/json-v1-client.ts";
import { numbered, numberOf } from "../support/json-v1-event.ts";
import { startServe } from "../support/fabric.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { OPCODE, RawSocket } from "../support/ws-raw.ts";

/** An object without events for 10 s is put to sleep with its sockets open. */
const ASLEEP_MS = 12_000;

const fabric = useFabric();

describe.concurrent("§3 silence", () => {
  test("R6 §3 a silent subscriber is neither pinged (workerd shows no PING) nor dropped, and gets the next event of a router that slept", async () => {
    const reader = await RawSocket.open(endpointUrl(fabric().url));
    reader.text('["asleep/"]');
    expect(await reader.nextText()).toContain('"type":"ack"');
    const publisher = await JsonClient.subscribed(fabric().url, []);
    publisher.send(numbered("asleep/", 1));
    expect(numberOf(await reader.nextText())).toBe(1);
    await sleep(ASLEEP_MS);
    publisher.send(numbered("asleep/", 2));
    const frame = await reader.next();
    expect(frame.opcode).toBe(OPCODE.text);
    expect(numberOf(frame.payload.toString())).toBe(2);
    reader.destroy();
    await publisher.close();
  });

  test(`§2 a client that never sends its first frame is closed 1008 after ${LIMITS.handshakeMs} ms, a pinging one too`, async () => {
    const silent = await JsonClient.open(fabric().url);
    const pinging = await JsonClient.open(fabric().url);
    expect(await pinging.ping("here")).toBe("here");
    expect(await silent.closed).toEqual({ code: 1008, reason: "handshake_timeout" });
    expect(await pinging.closed).toEqual({ code: 1008, reason: "handshake_timeout" });
    expect(silent.unread).toEqual([]);
  });

  test("§3 a server that is killed ends connections without a close frame; one that is stopped says so (R15)", async () => {
    const server = await startServe();
    try {
      const client = await JsonClient.subscribed(server.url, [""]);
      await server.kill();
      expect((await client.closed).code).toBe(1006);
    } finally {
      await server.dispose();
    }
  });
});
