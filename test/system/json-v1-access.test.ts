/** Tokens on /v1/messages/json of a fabric with a key: PROTOCOL.md, "Access"; spec: Zeek's WebSocket API, §1.4. */
import { afterEach, describe, expect, test } from "vitest";
import { endpointUrl, JsonClient } from "../support/json-v1-client.ts";
import { errorText, numbered, numberOf } from "../support/json-v1-event.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { expectNothingBefore, freshTopic, useClients } from "../support/json-v1-suite.ts";
import { signToken, TEST_KEY, unsignedToken } from "../support/tokens.ts";
import { RawSocket } from "../support/ws-raw.ts";

const ALL = { publish: [""], subscribe: [""] } as const;
const inOneHour = () => Math.floor(Date.now() / 1000) + 3600;

/** The answer to an upgrade with these headers. */
async function answer(url: string, headers: Readonly<Record<string, string>>, path?: string) {
  const socket = await RawSocket.request(endpointUrl(url, path), { headers });
  const response = await socket.response();
  socket.destroy();
  return response;
}

describe("a fabric with a key", () => {
  const fabric = useFabric({ open: false, key: TEST_KEY });
  const opened: JsonClient[] = [];
  afterEach(() => {
    for (const client of opened.splice(0)) client.terminate();
  });

  /** A client with a token of these claims. */
  const withToken = async (claims: { publish?: string[]; subscribe?: string[] }): Promise<JsonClient> => {
    const token = await signToken({ ...claims, exp: inOneHour() });
    const client = await JsonClient.open(fabric().url, { headers: { Authorization: `Bearer ${token}` } });
    opened.push(client);
    return client;
  };

  test("K-1 K-3 an upgrade without a token is answered 401 with a challenge, whatever its path or name", async () => {
    for (const path of [undefined, "/v0/messages/json", "/v1/connect"]) {
      const { status, headers } = await answer(fabric().url, { "X-Application-Name": "my app" }, path);
      expect(status).toBe(401);
      expect(headers.get("www-authenticate")).toMatch(/^Bearer /);
    }
  });

  test("K-3 a forged, an unsigned and an expired token are answered 401", async () => {
    const forged = await signToken({ ...ALL, exp: inOneHour() }, `other:${"f".repeat(43)}`);
    const expired = await signToken({ ...ALL, exp: 1_000_000_000 });
    for (const token of [forged, unsignedToken(ALL), expired, "x"]) {
      expect((await answer(fabric().url, { Authorization: `Bearer ${token}` })).status).toBe(401);
    }
  });

  test("K-3 a token comes as Bearer or, from a client that can only be given a URL, as the password of Basic", async () => {
    const token = await signToken({ ...ALL, exp: inOneHour() });
    const userInfo = fabric().url.replace("//", `//sensor:${token}@`);
    const clients = [
      await JsonClient.open(fabric().url, { headers: { Authorization: `Bearer ${token}` } }),
      await JsonClient.open(userInfo),
    ];
    opened.push(...clients);
    for (const client of clients) {
      client.send("[]");
      expect((await client.ack()).endpoint).not.toBe("");
    }
  });

  test("K-4 §2.1 a prefix outside the grant is refused with forbidden, no ack, and close 1008", async () => {
    const client = await withToken({ publish: [""], subscribe: ["mine/"] });
    client.send('["mine/a","min"]');
    expect(JSON.parse(await client.next())).toMatchObject({ type: "error", code: "forbidden" });
    expect((await client.closed).code).toBe(1008);
    expect(client.unread).toEqual([]);
  });

  test("K-4 §4 an event outside the grant is refused with forbidden, reaches nobody, and the connection lives", async () => {
    const topic = freshTopic();
    const reader = await withToken({ subscribe: [""] });
    reader.send('[""]');
    await reader.ack();
    const publisher = await withToken({ publish: [topic] });
    publisher.send("[]");
    await publisher.ack();
    publisher.send(numbered("elsewhere", 1));
    expect(await publisher.next()).toBe(errorText("no permission to publish to 'elsewhere'", "forbidden"));
    await expectNothingBefore(reader, publisher, topic);
  });

  test("K-5 a connection outlives the expiry of its token", async () => {
    const topic = freshTopic();
    const exp = Math.floor(Date.now() / 1000) + 2;
    const token = await signToken({ ...ALL, exp });
    const headers = { Authorization: `Bearer ${token}` };
    const client = await JsonClient.subscribed(fabric().url, [topic], { headers });
    opened.push(client);
    while ((await answer(fabric().url, headers)).status === 101);
    const publisher = await withToken({ publish: [topic] });
    publisher.send("[]");
    publisher.send(numbered(topic, 1));
    expect(numberOf(await client.next())).toBe(1);
  });
});

describe("a fabric without a key that is not open", () => {
  const fabric = useFabric({ open: false });

  test("K-2 refuses everybody with 503", async () => {
    const token = await signToken({ ...ALL, exp: inOneHour() });
    expect((await answer(fabric().url, {})).status).toBe(503);
    expect((await answer(fabric().url, { Authorization: `Bearer ${token}` })).status).toBe(503);
  });
});

describe("an open fabric", () => {
  const fabric = useFabric();
  const clients = useClients(fabric);

  test("K-6 answers only to loopback names, but JSON v1 from any origin, as Zeek does", async () => {
    expect((await answer(fabric().url, { Host: "rebound.example" })).status).toBe(403);
    const client = await clients.open({ origin: "https://elsewhere.example" });
    client.send("[]");
    await client.ack();
  });
});
