/**
 * Every data type between JSON v1 and native peers, both ways, through the real runtime: all values that the contract
 * of JSON v1 takes, and generated ones. sdk.test.ts has one of each type over the SDK; this completes it.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { formatValue, parseValue } from "../../src/data/json.ts";
import { count, string, timestamp, vector, type Value } from "../../src/data/value.ts";
import type { EventMetadata } from "../../src/protocol/event.ts";
import { connect, type Client } from "../../src/sdk/index.ts";
import { CONTAINER_TABLES } from "../contract/json-v1/values-container.ts";
import { NETWORK_TABLES } from "../contract/json-v1/values-network.ts";
import { SCALAR_TABLES } from "../contract/json-v1/values-scalar.ts";
import { TIME_TABLES } from "../contract/json-v1/values-time.ts";
import { until } from "../support/away.ts";
import { event } from "../support/json-v1-event.ts";
import { JsonClient } from "../support/json-v1-client.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { ResumingReader } from "../support/resuming-reader.ts";
import { anyValue, jsonValue } from "../unit/data/arbitrary-value.ts";

const NAME = "Exchange::value";
const SEED = 38;
const GENERATED = 2_000;
const TABLES = [...SCALAR_TABLES, ...NETWORK_TABLES, ...TIME_TABLES, ...CONTAINER_TABLES];
/** JSON levels around the first argument of an event. */
const LEVELS_OF_EVENT = 6;

const fabric = useFabric();
let topics = 0;
let topic: string;
/** It takes CBOR only, so that what JSON v1 peers send is made into that. */
let native: ResumingReader;
let publisher: Client;
let json: JsonClient;

beforeEach(async () => {
  topic = `exchange/${++topics}`;
  native = new ResumingReader(topic, { encodings: ["cbor"] });
  await native.connect(fabric().url.replace("http", "ws"));
  publisher = await connect(fabric().url);
  json = await JsonClient.subscribed(fabric().url, [topic]);
});

afterEach(() => {
  native.cut();
  publisher.abort();
  json.terminate();
});

/** Sends texts of values from a JSON v1 peer; resolves with what a native one gets. */
async function jsonToNative(texts: readonly string[]): Promise<Value[]> {
  for (const text of texts) json.send(event(topic, NAME, [text]));
  await until(() => native.received === texts.length);
  return native.events.map(({ name, args }) => {
    expect(name).toBe(NAME);
    expect(args).toHaveLength(1);
    return args[0]!;
  });
}

/** Sends values from a native peer; resolves with the messages that a JSON v1 peer gets. */
async function nativeToJson(values: readonly Value[]): Promise<string[]> {
  for (const value of values) publisher.publish(topic, NAME, [value]);
  return json.take(values.length);
}

const nested = (levels: number): Value => {
  let value = vector([]);
  for (let i = 1; i < levels; i++) value = vector([value]);
  return value;
};

describe.each(TABLES)("$title", ({ title, accepted }) => {
  const section = title.split(" ")[0]!;
  const canonical = accepted.map(([sent, received = sent]) => received);

  test(`${section} N-8 N-16 from JSON v1 to native: each value as its canonical text says it`, async () => {
    const values = await jsonToNative(accepted.map(([sent]) => sent));
    expect(values.map(formatValue)).toEqual(canonical);
    expect(values).toEqual(canonical.map(parseValue));
  });

  test(`${section} N-8 N-16 from native to JSON v1: each value as its canonical text`, async () => {
    const texts = await nativeToJson(canonical.map(parseValue));
    expect(texts).toEqual(canonical.map((text) => event(topic, NAME, [text])));
  });
});

describe("generated values", () => {
  const values = fc.sample(jsonValue, { seed: SEED, numRuns: GENERATED });

  test("§8 N-16 from JSON v1 to native, all that JSON can say", async () => {
    expect(await jsonToNative(values.map(formatValue))).toEqual(values);
  });

  test("§8 N-16 from native to JSON v1, all that JSON can say", async () => {
    const texts = await nativeToJson(values);
    expect(texts).toEqual(values.map((value) => event(topic, NAME, [formatValue(value)])));
  });

  test("N-16 from native to native, also what JSON cannot say", async () => {
    const all = fc.sample(anyValue, { seed: SEED, numRuns: GENERATED });
    for (const value of all) publisher.publish(topic, NAME, [value]);
    await until(() => native.received === all.length);
    expect(native.events.map(({ args: [value] }) => value)).toEqual(all);
  });
});

describe("whole events", () => {
  test("§7.3 N-15 metadata, in order and under any id, both ways", async () => {
    const metadata: readonly EventMetadata[] = [
      { id: 1n, value: parseValue('{"@data-type":"timestamp","data":"2022-04-10T07:00:00.123"}') },
      { id: 2n ** 64n - 1n, value: vector([count(1), string("é")]) },
    ];
    const entries = metadata.map(({ id, value }) => formatValue(vector([count(id), value])));
    publisher.publish(topic, NAME, [count(7)], { metadata });
    const text = await json.next();
    expect(text).toBe(event(topic, NAME, [formatValue(count(7))], entries));
    await until(() => native.received === 1);
    json.send(text);
    await until(() => native.received === 2);
    const [first, second] = native.events;
    expect(first).toEqual({ name: NAME, args: [count(7)], metadata });
    expect(second).toEqual(first);
  });

  test("§8.7 N-2 as deep as JSON goes, both ways", async () => {
    const deep = nested((LIMITS.jsonNestingMax - LEVELS_OF_EVENT) / 2);
    expect(await nativeToJson([deep])).toEqual([event(topic, NAME, [formatValue(deep)])]);
    await until(() => native.received === 1);
    json.send(event(topic, NAME, [formatValue(deep)]));
    await until(() => native.received === 2);
    expect(native.events.map(({ args: [value] }) => value)).toEqual([deep, deep]);
  });

  test("§8 N-16 what JSON cannot say: nanoseconds are cut, what is not UTF-8 is replaced, and native peers get both whole", async () => {
    const values = [timestamp(1_649_574_000_123_456_789n), string(Uint8Array.of(0x61, 0xff))];
    const texts = [
      '{"@data-type":"timestamp","data":"2022-04-10T07:00:00.123"}',
      '{"@data-type":"string","data":"a\ufffd"}',
    ];
    expect(await nativeToJson(values)).toEqual(texts.map((text) => event(topic, NAME, [text])));
    await until(() => native.received === values.length);
    expect(native.events.map(({ args: [value] }) => value)).toEqual(values);
  });
});
