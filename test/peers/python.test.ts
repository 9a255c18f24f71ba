/** Debian's Python WebSocket libraries with their default settings, used the way zeekctl and zeek-client use them. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { endpointUrl, JsonClient } from "../support/json-v1-client.ts";
import { errorText, event, numberOf, REFUSED, string, value, vector } from "../support/json-v1-event.ts";
import { useFabric } from "../support/json-v1-fabric.ts";

const PYTHON = "/usr/bin/python3";
const run = promisify(execFile);
const fabric = useFabric();

/** The other side of each conversation, which Zeek plays in a real site. */
let zeek: JsonClient | undefined;

afterEach(() => zeek?.terminate());

/** Runs a script with its library. Throws naming the Debian package when it is missing. */
async function python(script: string, library: string, debianPackage: string, ...args: readonly string[]) {
  try {
    await run(PYTHON, ["-c", `import ${library}`]);
  } catch (cause) {
    throw new Error(`${PYTHON} has no ${library}: apt-get install ${debianPackage}`, { cause });
  }
  const { stdout } = await run(PYTHON, [join(import.meta.dirname, script), ...args], { timeout: 60_000 });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("python3-websockets, as zeekctl uses it", () => {
  test("asks a node on its topic, takes the first message as the answer, publishes 100 and closes", async () => {
    const node = "worker-1";
    const reply = event(`zeek/control/${node}`, "Control::net_stats_response", [string("recvd=1 dropped=0")]);
    zeek = await JsonClient.subscribed(fabric().url, [`zeek/cluster/node/${node}/`, "zeek/control"]);
    const done = python("zeekctl.py", "websockets", "python3-websockets", endpointUrl(fabric().url), node);
    expect(await zeek.next()).toBe(event(`zeek/cluster/node/${node}/`, "Control::net_stats_request"));
    zeek.send(reply);
    const seen = await done;
    expect(seen["extensions"]).toEqual([]);
    expect(seen["ack"]).toMatchObject({ type: "ack" });
    expect(seen["reply"]).toBe(reply);
    expect(seen["error"]).toEqual(JSON.parse(REFUSED.notDecoded));
    expect(seen["close"]).toEqual([1000, ""]);
    const invalidUri = "Invalid URI - use /v1/messages/json";
    expect(seen["wrong path"]).toEqual(JSON.parse(errorText(invalidUri, "invalid_uri")));
    expect(seen["wrong path close"]).toEqual([1008, invalidUri]);
    expect((await zeek.take(100)).map(numberOf)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

describe("python3-websocket, as zeek-client uses it", () => {
  test("asks the controller and is answered on the one topic of both", async () => {
    const topic = "zeek/management/controller";
    const name = "Management::Controller::API::get_nodes";
    const result = vector(string("request-1"), value("boolean", "true"), value("none", "{}"));
    const reply = event(topic, `${name}_response`, [string("request-1"), vector(result)]);
    zeek = await JsonClient.subscribed(fabric().url, [topic]);
    const done = python("zeek_client.py", "websocket", "python3-websocket", endpointUrl(fabric().url));
    expect(await zeek.next()).toBe(event(topic, `${name}_request`, [string("request-1")]));
    zeek.send(reply);
    const seen = await done;
    expect(seen["ack"]).toEqual({
      type: "ack",
      endpoint: expect.any(String),
      version: expect.any(String),
    });
    expect(seen["reply opcode"]).toBe(1);
    expect(seen["reply"]).toBe(reply);
    expect(seen["error"]).toEqual(JSON.parse(REFUSED.notDecoded));
  });
});
