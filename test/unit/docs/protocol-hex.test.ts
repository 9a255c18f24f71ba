/** Every example of bytes in PROTOCOL.md, against the codecs: what is shown is what is sent. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeItem } from "../../../src/data/cbor.ts";
import { decodeValue, encodeValue } from "../../../src/data/cbor-value.ts";
import { formatValue, parseValue } from "../../../src/data/json.ts";
import { VALUE_TYPES } from "../../../src/data/value.ts";
import { formatDataMessage, parseDataMessage } from "../../../src/protocol/data-message.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { FRAME } from "../../../src/protocol/frame.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { parseDiagnostic } from "../../support/cbor-diagnostic.ts";

const text = readFileSync(join(import.meta.dirname, "../../../PROTOCOL.md"), "utf8");

/** The bodies of the fenced blocks of a kind, with what stands behind the kind. */
const blocks = (kind: string): { label: string; body: string }[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${kind} ?(.*)\n([^]*?)\n\`\`\`$`, "gm"))].map(([, label, body]) => ({
    label: label!,
    body: body!,
  }));

const bytesOf = (hex: string): Uint8Array => {
  expect(hex).toMatch(/^([0-9a-f]{2}\s?)+$/);
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
};

const frames = blocks("frame").map(({ label, body }) => {
  const [shown = "", hex = ""] = body.split("\n\n");
  return { label, shown, hex };
});

describe("frames", () => {
  test.each(frames)("N-2 N-3 example of $label: $shown", ({ label, shown, hex }) => {
    const bytes = bytesOf(hex);
    expect(decodeItem(bytes)).toEqual(parseDiagnostic(shown));
    const frame = decodeFrame(bytes);
    expect(frame.type).toBe(label);
    expect(Buffer.from(encodeFrame(frame)).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
  });

  test("N-3 every type of frame has an example, and its number in a table", () => {
    expect([...new Set(frames.map(({ label }) => label))].toSorted((a, b) => a.localeCompare(b))).toEqual(
      Object.keys(FRAME).toSorted((a, b) => a.localeCompare(b)),
    );
    const rows = [...text.matchAll(/^\| (\d{1,2}) +\| `(\w+)` /gm)].map(([, n, name]) => [name, Number(n)]);
    expect(Object.fromEntries(rows)).toEqual(FRAME);
  });
});

const pairs = (kind: string): { shown: string; hex: string }[] =>
  blocks(kind).flatMap(({ body }) =>
    body.split("\n\n").map((pair) => {
      const [shown = "", hex = ""] = pair.split("\n");
      return { shown, hex };
    }),
  );

describe("values and events", () => {
  const values = pairs("value");

  test.each(values)("N-16 example $shown", ({ shown, hex }) => {
    const value = parseValue(shown);
    expect(formatValue(value)).toBe(shown);
    expect(encodeValue(value)).toEqual(bytesOf(hex));
    expect(decodeValue(bytesOf(hex))).toEqual(value);
  });

  test("N-16 every type of value has an example", () => {
    expect(new Set(values.map(({ shown }) => parseValue(shown).type))).toEqual(new Set(VALUE_TYPES));
  });

  test.each(pairs("event"))("N-15 example $hex", ({ shown, hex }) => {
    const { topic, event } = parseDataMessage(shown);
    expect(formatDataMessage(topic, event)).toBe(shown);
    expect(encodeEvents([event])).toEqual(bytesOf(hex));
    expect(decodeEvents(bytesOf(hex), 1)).toEqual([event]);
  });
});
