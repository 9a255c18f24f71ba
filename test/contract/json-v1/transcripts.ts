/**
 * Replays what Zeek's own tests expect of WebSocket clients (test/samples/websocket). What Zeek itself sent there, one
 * more client sends here.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonClient } from "../../support/json-v1-client.ts";
import { event } from "../../support/json-v1-event.ts";
import { useClients, type Fabric } from "../../support/json-v1-suite.ts";

const FOLDER = join(import.meta.dirname, "../../samples/websocket");
const NAMES = ["ws1", "ws2", "ws3"] as const;

function linesOf(file: string): string[] {
  return readFileSync(join(FOLDER, `${file}.txt`), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("###"));
}

/** A frame that a Python client printed. */
const frameOf = (repr: string): unknown => JSON.parse(repr.replaceAll("'", '"'));

/** What follows the label of a line. */
function labelled(file: string, label: string): string {
  const line = linesOf(file).find((l) => l.startsWith(label));
  if (line === undefined) throw new Error(`${file} has no line "${label}"`);
  return line.slice(label.length).trim();
}

interface Reception {
  readonly client: (typeof NAMES)[number];
  readonly text: string;
}

/** The events that clients received, as canonical messages, in the order of the transcript. */
function receptions(file: string): Reception[] {
  return linesOf(file)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, never>)
    .filter((entry) => !("timeout" in entry))
    .map((entry) => ({
      client: entry["client"]!,
      text: event(
        entry["topic"]!,
        entry["event_name"]!,
        (entry["event_args"]! as readonly unknown[]).map((arg) => JSON.stringify(arg)),
      ),
    }));
}

/** The distinct events of a transcript and who sent each: the client that did not receive it, or Zeek. */
function sendings(all: readonly Reception[]): { text: string; sender: (typeof NAMES)[number] | "zeek" }[] {
  const receivers = Map.groupBy(all, ({ text }) => text);
  return [...receivers].map(([text, list]) => ({
    text,
    sender: NAMES.find((name) => !list.some(({ client }) => client === name)) ?? "zeek",
  }));
}

const REPLAYS = [
  ["broker.manager-sends__client..stdout", "/test/pings/"],
  ["broker.manager-recvs__client..stdout", "/test/pings/"],
  ["broker.match-all-subscription__client..stdout", ""],
  ["broker.manager-worker-ping-pong__client..stdout", "/test/pings/"],
] as const;

export function transcriptsSuite(fabric: Fabric): void {
  describe("transcripts of Zeek's tests", () => {
    const clients = useClients(fabric);

    test.each(REPLAYS)(
      "%s: each of three clients receives what it received from Zeek",
      async (file, prefix) => {
        const expected = receptions(file);
        const peers: Record<string, JsonClient> = { zeek: await clients.subscribed(prefix) };
        for (const name of NAMES) peers[name] = await clients.subscribed(prefix);
        const got = new Map<string, string[]>(NAMES.map((name) => [name, []]));
        // A reply of Zeek stands before its question where the asker's line comes first: order by the number asked for.
        const sent = sendings(expected).toSorted((a, b) => roundOf(a.text) - roundOf(b.text));
        for (const { text, sender } of sent) {
          peers[sender]!.send(text);
          for (const name of NAMES.filter((n) => n !== sender))
            got.get(name)!.push(await peers[name]!.next(text));
        }
        for (const name of NAMES) {
          const lines = expected.filter(({ client }) => client === name).map(({ text }) => text);
          expect(got.get(name)).toEqual(lines);
          expect(peers[name]!.unread).toEqual([]);
        }
      },
    );

    test("bad-url: the connect succeeds and the error is the first frame", async () => {
      const bad = await clients.open({ path: "/v0/messages/json" });
      expect(JSON.parse(await bad.next())).toEqual(
        frameOf(labelled("bad-url__client.out", "Error for ws_bad")),
      );
    });

    test.each([
      ["broken array response", '["broken", "brrr'],
      ["non string error", "[1, 2]"],
      ["mix error", '[1, "/my_topic"]'],
    ])("bad-subscriptions: %s", async (label, first) => {
      const client = await clients.open();
      client.send(first);
      expect(JSON.parse(await client.next())).toEqual(
        frameOf(labelled("bad-subscriptions__client.out", label)),
      );
    });

    test("bad-event-args: what is no event at all is refused with Zeek's text", async () => {
      const client = await clients.subscribed("/test/pings");
      for (const [label, text] of [
        ["err1", event("/test/pings", "ping").replace('{"@data-type":"vector","data":[]}', "42")],
        ["err4", '{"type":"data-message","topic":"/test/pings"}'],
      ] as const) {
        client.send(text);
        expect(JSON.parse(await client.next())).toEqual(
          frameOf(labelled("bad-event-args__client.out", label)),
        );
      }
    });

    test("metadata-from-client: the timestamp travels and comes out with three decimals", async () => {
      const file = "metadata__client-metadata-from-client.out";
      const [client, zeek] = [
        await clients.subscribed("/test/pongs/"),
        await clients.subscribed("/test/pings/"),
      ];
      const pong = frameOf(labelled(file, "pong"));
      client.send(JSON.stringify(frameOf(labelled(file, "ping"))));
      expect(await zeek.next()).toContain('"1970-01-01T01:42:42.000"');
      zeek.send(JSON.stringify(pong).replace("42.000", "42"));
      expect(JSON.parse(await client.next())).toEqual(pong);
    });
  });
}

/** Questions before their answers, in the order of Zeek's counter or of the clients' own numbers. */
function roundOf(text: string): number {
  const asked = /\(to-\w+, (\d)(\d\d)\)/.exec(text);
  const number = /"@data-type":"count","data":(\d+)\}\]\}\]\}\]\}$/.exec(text)?.[1] ?? "0";
  const round = (digits: RegExpExecArray): number => Number(digits[2]) * 10 + Number(digits[1]);
  if (asked !== null) return round(asked) + 0.5;
  const own = /^(\d)(\d\d)$/.exec(number);
  return own === null ? Number(number) : round(own);
}
