/** Upgrade and refusals (spec: Zeek's WebSocket API, §1). */
import { describe, expect, test } from "vitest";
import { endpointUrl } from "../../support/json-v1-client.ts";
import { errorText, event, numbered } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import { closeOf, closePayload, encodeClientFrame, OPCODE, RawSocket } from "../../support/ws-raw.ts";

const INVALID_URI = "Invalid URI - use /v1/messages/json";
const INVALID_NAME = "Invalid X-Application-Name";

const NOT_AN_UPGRADE = [
  ["another method", { method: "POST" }],
  ["no Sec-WebSocket-Key", { headers: { "Sec-WebSocket-Key": undefined } }],
  ["no Upgrade", { headers: { Upgrade: undefined } }],
  ["Upgrade to another protocol", { headers: { Upgrade: "h2c" } }],
  ["no Sec-WebSocket-Version", { headers: { "Sec-WebSocket-Version": undefined } }],
  ["Sec-WebSocket-Version 8", { headers: { "Sec-WebSocket-Version": "8" } }],
] as const;

export function upgradeSuite(fabric: Fabric): void {
  describe("§1 endpoint and upgrade", () => {
    const clients = useClients(fabric);
    const url = (path?: string): string => endpointUrl(fabric().url, path);

    test.each(NOT_AN_UPGRADE)(
      "§1.1 a request with %s is answered 400 to 499, not 101",
      async (_, request) => {
        const socket = await RawSocket.request(url(), request);
        const { status } = await socket.response();
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        socket.destroy();
      },
    );

    test("§1.1 an upgrade over HTTP/1.0, whose version workerd does not show, gets no session: the connection ends", async () => {
      const socket = await clients.raw({ httpVersion: "1.0" });
      socket.text("[]");
      await expect(socket.next()).rejects.toThrow("connection ended");
    });

    test("§1.1 the value of Upgrade is not case-sensitive", async () => {
      const socket = await clients.raw({ headers: { Upgrade: "WebSocket" } });
      socket.text("[]");
      expect(await socket.nextText()).toContain('"type":"ack"');
    });

    test("§1 no extension and no subprotocol is answered, whatever the client offers", async () => {
      const socket = await RawSocket.request(url(), {
        headers: {
          "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
          "Sec-WebSocket-Protocol": "chat, superchat",
        },
      });
      const { status, headers } = await socket.response();
      expect(status).toBe(101);
      expect(headers.has("sec-websocket-extensions")).toBe(false);
      expect(headers.has("sec-websocket-protocol")).toBe(false);
      socket.destroy();
    });

    test("§1 a client that offers permessage-deflate is served uncompressed", async () => {
      const topic = freshTopic();
      const reader = await clients.open({ perMessageDeflate: true });
      reader.send(JSON.stringify([topic]));
      await reader.ack();
      const publisher = await clients.open({ perMessageDeflate: true });
      const text = event(topic, "e".repeat(10_000));
      publisher.send("[]");
      publisher.send(text);
      expect(await reader.next()).toBe(text);
    });

    test("§1 Origin is not looked at", async () => {
      const socket = await clients.raw({ headers: { Origin: "https://elsewhere.example" } });
      socket.text("[]");
      expect(await socket.nextText()).toContain('"type":"ack"');
    });

    test("§1 frames in the same segment as the request are kept", async () => {
      const first = encodeClientFrame({ opcode: OPCODE.text, payload: "[]" });
      const socket = await RawSocket.request(url(), {}, first);
      expect((await socket.response()).status).toBe(101);
      expect(await socket.nextText()).toContain('"type":"ack"');
      socket.destroy();
    });

    test.each(["/v0/messages/json", "/v1/messages/json/", "/v1/messages", "/V1/messages/json", "/a b", "/"])(
      "§1.2 path %s: 101, the error frame first, then close 1008",
      async (path) => {
        const socket = await clients.raw({ path });
        expect(await socket.nextText()).toBe(errorText(INVALID_URI, "invalid_uri"));
        const close = await socket.next();
        expect(close.opcode).toBe(OPCODE.close);
        expect(closeOf(close)).toEqual({ code: 1008, reason: INVALID_URI });
        socket.frame({ opcode: OPCODE.close, payload: closePayload(1008) });
        await socket.ended();
      },
    );

    test("§1.2 a library client connects to a wrong path and sees the error first", async () => {
      const client = await clients.open({ path: "/v0/messages/json" });
      expect(await client.next()).toBe(errorText(INVALID_URI, "invalid_uri"));
      expect(await client.closed).toEqual({ code: 1008, reason: INVALID_URI });
      expect(client.unread).toEqual([]);
    });

    test("§1.2 what a client sends on a wrong path reaches nobody", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const lost = await clients.open({ path: "/v0/messages/json" });
      lost.send("[]");
      lost.send(numbered(topic, 1));
      await lost.closed;
      expect(lost.unread).toEqual([errorText(INVALID_URI, "invalid_uri")]);
      await expectNothingBefore(reader, await clients.subscribed(), topic);
    });

    test("§1.2 a query string on the right path is ignored", async () => {
      const client = await clients.open({ path: "/v1/messages/json?x=1" });
      client.send("[]");
      expect((await client.ack()).endpoint).not.toBe("");
    });

    test.each(["zeekctl/2.6.0-12", "aZ09/_.=:*@-", ""])(
      "§1.3 X-Application-Name %j is accepted",
      async (name) => {
        const socket = await clients.raw({ headers: { "x-application-name": name } });
        socket.text("[]");
        expect(await socket.nextText()).toContain('"type":"ack"');
      },
    );

    test.each(["my app", "app;1", "app\tname", "<app>", "app,1"])(
      "§1.3 X-Application-Name %j: 101, the error frame, then close 1008",
      async (name) => {
        const socket = await clients.raw({ headers: { "X-Application-Name": name } });
        expect(await socket.nextText()).toBe(errorText(INVALID_NAME, "invalid_application_name"));
        expect(closeOf(await socket.next())).toEqual({ code: 1008, reason: INVALID_NAME });
      },
    );

    test("§1.3 the path is checked before the name", async () => {
      const socket = await clients.raw({
        path: "/v0/messages/json",
        headers: { "X-Application-Name": "my app" },
      });
      expect(await socket.nextText()).toBe(errorText(INVALID_URI, "invalid_uri"));
    });
  });
}
