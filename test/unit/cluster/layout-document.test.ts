/** The run-time part of the layout: changes, how it is laid over the deployed one, and the form of a call. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { formatCall, parseCall } from "../../../src/cluster/layout-call.ts";
import {
  changeDocument,
  EMPTY_DOCUMENT,
  mergeLayout,
  parseLayoutChange,
  parseLayoutDocument,
  type LayoutDocument,
} from "../../../src/cluster/layout-document.ts";
import { parseLayout, type Layout } from "../../../src/cluster/layout.ts";

const DEPLOYED = parseLayout({ loggers: [{ name: "one" }, { name: "two", enabled: false }] });

const set = (document: LayoutDocument, name: string, enabled: boolean, deployed: Layout = DEPLOYED) =>
  changeDocument(document, { type: "logger", name, enabled }, deployed);
const enabledOf = (document: LayoutDocument, deployed = DEPLOYED) =>
  mergeLayout(deployed, document).loggers.map(({ enabled }) => enabled);

describe("[R34] a change at run time", () => {
  it("is laid over the deployed layout, and raises the epoch", () => {
    const one = set(EMPTY_DOCUMENT, "one", false);
    expect(one).toEqual({ ...EMPTY_DOCUMENT, epoch: 1, loggers: [{ name: "one", enabled: false }] });
    const both = set(one, "two", true);
    expect(both.epoch).toBe(2);
    expect([EMPTY_DOCUMENT, one, both].map((document) => enabledOf(document))).toEqual([
      [true, false],
      [false, false],
      [false, true],
    ]);
  });

  it("that changes nothing gives the same document", () => {
    expect(set(EMPTY_DOCUMENT, "one", true)).toBe(EMPTY_DOCUMENT);
    const one = set(EMPTY_DOCUMENT, "one", false);
    expect(set(one, "one", false)).toBe(one);
  });

  it("back to what the deployment says leaves it to the deployment", () => {
    const back = set(set(EMPTY_DOCUMENT, "one", false), "one", true);
    expect(back).toEqual({ ...EMPTY_DOCUMENT, epoch: 2 });
    expect(enabledOf(back, parseLayout({ loggers: [{ name: "one", enabled: false }] }))).toEqual([false]);
  });

  it("holds over a deploy that says otherwise", () => {
    const one = set(EMPTY_DOCUMENT, "one", false);
    expect(enabledOf(one, parseLayout({ loggers: [{ name: "one" }] }))).toEqual([false]);
    expect(enabledOf(one, parseLayout({ loggers: [{ name: "one", enabled: false }] }))).toEqual([false]);
  });

  it("of a logger that is gone says nothing, and goes with the next change", () => {
    const one = set(EMPTY_DOCUMENT, "one", false);
    const later = parseLayout({ loggers: [{ name: "three" }] });
    expect(enabledOf(one, later)).toEqual([true]);
    expect(set(one, "three", false, later)).toEqual({
      ...EMPTY_DOCUMENT,
      epoch: 2,
      loggers: [{ name: "three", enabled: false }],
    });
    expect(() => set(one, "one", true, later)).toThrow(expect.objectContaining({ code: "unknown_logger" }));
  });

  it("leaves routers and readers alone (R8)", () => {
    const { routers, jsonReader } = mergeLayout(DEPLOYED, set(EMPTY_DOCUMENT, "one", false));
    expect(routers).toBe(DEPLOYED.routers);
    expect(jsonReader).toBe(DEPLOYED.jsonReader);
    expect(() => parseLayoutChange({ type: "router", name: "main", prefix: "x" })).toThrow("change.type");
  });

  it.each([7, null, { type: "logger" }, { type: "logger", name: "ü", enabled: true }])(
    "in another form is refused: %j",
    (input) => {
      expect(() => parseLayoutChange(input)).toThrow(expect.objectContaining({ code: "invalid_layout" }));
    },
  );
});

describe("[R34] the document", () => {
  it.each([
    [],
    { epoch: -1, loggers: [] },
    { epoch: 1.5, loggers: [] },
    { epoch: 1 },
    { epoch: 1, loggers: [{ name: "a", enabled: 1 }] },
  ])("in another form is refused: %j", (input) => {
    expect(() => parseLayoutDocument(input)).toThrow(expect.objectContaining({ code: "invalid_layout" }));
  });

  it("with as many loggers as a layout may name, under the longest names, fits a call", () => {
    const loggers = Array.from({ length: LIMITS.loggersMax }, (_, i) => ({
      name: String(i).padStart(63, "x"),
      enabled: false,
    }));
    const deployed = parseLayout({ loggers: loggers.map(({ name }) => ({ name })) });
    const document = loggers.reduce((all, { name }) => set(all, name, false, deployed), EMPTY_DOCUMENT);
    expect(document).toEqual({ ...EMPTY_DOCUMENT, epoch: LIMITS.loggersMax, loggers });
    expect(parseLayoutDocument(parseCall(formatCall(document)))).toEqual(document);
    const more = { epoch: 1, loggers: [...loggers, { name: "one-more", enabled: true }] };
    expect(() => parseLayoutDocument(more)).toThrow("at most 64");
  });
});

describe("[R34] a call", () => {
  it("is JSON in ASCII, whatever it says", () => {
    const argument = { text: 'é "Ω" 💡 \u007f\u0080', list: [1, null] };
    const text = formatCall(argument);
    expect(text).toMatch(/^[\x20-\x7f]*$/);
    expect(parseCall(text)).toEqual(argument);
  });

  it(`has at most ${LIMITS.layoutDocumentBytesMax} bytes, counted as they travel`, () => {
    // Two quotes, and six bytes for each é.
    const room = LIMITS.layoutDocumentBytesMax - 2;
    const fits = "é".repeat(Math.floor(room / 6)) + "x".repeat(room % 6);
    const call = formatCall(fits);
    expect(call).toHaveLength(LIMITS.layoutDocumentBytesMax);
    expect(parseCall(call)).toBe(fits);
    expect(() => formatCall(`${fits}x`)).toThrow(expect.objectContaining({ code: "too_large" }));
    expect(() => parseCall(`${call} `)).toThrow(expect.objectContaining({ code: "too_large" }));
  });

  it.each([undefined, 7, "{", '"é"'])("in another form is refused: %j", (text) => {
    expect(() => parseCall(text)).toThrow(expect.objectContaining({ code: "invalid_layout" }));
  });
});
