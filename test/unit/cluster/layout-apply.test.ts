/** Nodes, pools and stores that change at run time: what may, what is stored of it, and what a later deploy makes of it. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { diffLayouts, parseApplied } from "../../../src/cluster/layout-apply.ts";
import { formatCall, parseCall } from "../../../src/cluster/layout-call.ts";
import {
  changeDocument,
  deltaFor,
  EMPTY_DOCUMENT,
  layoutInForce,
  mergeLayout,
  parseLayoutChange,
  parseLayoutDocument,
  type LayoutDocument,
} from "../../../src/cluster/layout-document.ts";
import { parseLayout, type Layout } from "../../../src/cluster/layout.ts";
import { parseNodes } from "../../../src/cluster/node.ts";

const node = (name: string, nodeType: string, more: object = {}) => ({ name, nodeType, ...more });
const MANAGER = node("manager", "MANAGER");
const [LOGGER, PROXY_1, PROXY_2] = [
  node("logger", "LOGGER"),
  node("proxy-1", "PROXY"),
  node("proxy-2", "PROXY"),
];
const DEPLOYED = parseLayout({
  nodes: [MANAGER, LOGGER, PROXY_1, PROXY_2],
  pools: [{ name: "proxy", maxNodes: 2 }],
  stores: [{ name: "hosts", backend: "sqlite" }],
});

/** What `selvedge cluster apply` does: through the texts that travel. */
function apply(
  input: unknown,
  document: LayoutDocument = EMPTY_DOCUMENT,
  deployed: Layout = DEPLOYED,
): LayoutDocument {
  const wanted = parseApplied(input, mergeLayout(deployed, document));
  const change = { type: "layout", epoch: document.epoch, ...deltaFor(deployed, wanted) };
  return changeDocument(document, parseLayoutChange(parseCall(formatCall(change))), deployed);
}
const namesOf = (document: LayoutDocument) => mergeLayout(DEPLOYED, document).nodes.map(({ name }) => name);
const refused = (message: string) =>
  expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(message) });

describe("[R34] a layout that is applied at run time", () => {
  it("takes a proxy out and brings workers; only that is stored", () => {
    const document = apply({ nodes: [MANAGER, LOGGER, PROXY_1, node("w", "WORKER", { count: 2 })] });
    expect(namesOf(document)).toEqual(["manager", "logger", "proxy-1", "w-1", "w-2"]);
    const worker = { nodeType: "WORKER", place: "remote", enabled: true };
    expect(document).toEqual({
      ...EMPTY_DOCUMENT,
      epoch: 1,
      nodes: [
        { name: "proxy-2", removed: true },
        { name: "w-1", ...worker },
        { name: "w-2", ...worker },
      ],
    });
    expect(parseLayoutDocument(parseCall(formatCall(document)))).toEqual(document);
    const back = apply({ nodes: [MANAGER, LOGGER, PROXY_1, PROXY_2] }, document);
    expect(back).toEqual({ ...EMPTY_DOCUMENT, epoch: 2 });
    expect(mergeLayout(DEPLOYED, back)).toBe(DEPLOYED);
  });

  it("leaves sections that it does not have, and settings that it repeats", () => {
    const document = apply({ pools: [], routers: [{ name: "main", prefix: "" }], topicNames: "zeek" });
    expect(document).toEqual({ ...EMPTY_DOCUMENT, epoch: 1, pools: [{ name: "proxy", removed: true }] });
    const next = apply({ stores: [{ name: "hosts" }, { name: "ü" }] }, document);
    expect(next.pools).toEqual(document.pools);
    expect(mergeLayout(DEPLOYED, next).stores.map(({ name, backend }) => `${name} ${backend}`)).toEqual([
      "hosts memory",
      "ü memory",
    ]);
  });

  it("that changes nothing gives the same document", () => {
    expect(apply({})).toBe(EMPTY_DOCUMENT);
    const document = apply({ nodes: [MANAGER, LOGGER] });
    expect(apply({ nodes: [MANAGER, LOGGER] }, document)).toBe(document);
  });

  it("enables and disables loggers at the edge, in both forms", () => {
    const off = { ...EMPTY_DOCUMENT, epoch: 1, loggers: [{ name: "logger", enabled: false }] };
    expect(apply({ loggers: [{ name: "logger", enabled: false }] })).toEqual(off);
    const document = apply({ nodes: [MANAGER, { ...LOGGER, enabled: false }, PROXY_1, PROXY_2] });
    expect(document).toEqual(off);
    expect(mergeLayout(DEPLOYED, document)).toMatchObject({ loggers: [{ name: "logger", enabled: false }] });
    expect(apply({ loggers: [{ name: "logger" }] }, document)).toEqual({ ...EMPTY_DOCUMENT, epoch: 2 });
    const kept = apply({ nodes: [MANAGER, { ...LOGGER, enabled: false }, PROXY_1] }, document);
    expect([kept.loggers, kept.nodes]).toEqual([off.loggers, [{ name: "proxy-2", removed: true }]]);
  });

  it.each([
    ["loggers at the edge come and go with a deploy", { nodes: [MANAGER] }],
    [
      "loggers at the edge come and go with a deploy",
      { nodes: [MANAGER, LOGGER, node("logger-2", "LOGGER")] },
    ],
    ["loggers at the edge come and go with a deploy", { loggers: [] }],
    [
      "routers is not as deployed, and changes only by a deploy (R8)",
      { routers: [{ name: "other", prefix: "" }] },
    ],
    ["topicNames is not as deployed", { topicNames: "bro" }],
    ["managerIsLogger is not as deployed", { managerIsLogger: true }],
    ["retention is not as deployed", { retention: [{ prefix: "a", seconds: 1 }] }],
    ["a layout has one manager", { nodes: [MANAGER, LOGGER, node("b", "MANAGER")] }],
    ["not enough PROXY nodes", { pools: [{ name: "p", nodeType: "PROXY", exclusive: true, maxNodes: 3 }] }],
    ["layout has no field workers", { workers: 3 }],
    ["layout must be an object", []],
  ])("is refused: %s", (message, input) => {
    expect(() => apply(input)).toThrow(refused(message));
  });

  it("is refused when somebody else was faster, and when it would not fit a call", () => {
    const change = { type: "layout", ...EMPTY_DOCUMENT } as const;
    const document = apply({ nodes: [MANAGER, LOGGER] });
    expect(() => changeDocument(document, change, DEPLOYED)).toThrow(
      expect.objectContaining({ code: "layout_changed" }),
    );
    const workers = (count: number) => ({
      nodes: [MANAGER, LOGGER, PROXY_1, PROXY_2, node("w", "WORKER", { count })],
    });
    const each =
      JSON.stringify({ name: "w-100", nodeType: "WORKER", place: "remote", enabled: true }).length + 1;
    expect(apply(workers(200)).nodes).toHaveLength(200);
    expect(() => apply(workers(Math.ceil(LIMITS.layoutDocumentBytesMax / each) + 5))).toThrow(
      expect.objectContaining({ code: "too_large", message: expect.stringContaining("belongs in a deploy") }),
    );
  });

  it("is checked again where it is stored", () => {
    const change = (nodes: object[]) =>
      changeDocument(
        EMPTY_DOCUMENT,
        { ...EMPTY_DOCUMENT, type: "layout", nodes: parseNodes(nodes) },
        DEPLOYED,
      );
    expect(() => change([node("b", "MANAGER")])).toThrow(refused("a layout has one manager"));
    expect(() => change([node("w", "WORKER", { count: 1_000 })])).toThrow(
      expect.objectContaining({ code: "too_large" }),
    );
  });

  it.each([
    ["nodes[].removed must be true", { nodes: [{ name: "a", removed: false }] }],
    ["nodes[] has no field nodeType", { nodes: [{ name: "a", removed: true, nodeType: "PROXY" }] }],
    [
      "nodes changed at run time must be unique",
      { nodes: [{ name: "a", removed: true }, node("a", "PROXY")] },
    ],
    ["stores must be an array", { stores: 1 }],
    ["pools[0].name", { pools: [{}] }],
  ])("in another form is refused: %s", (message, delta) => {
    expect(() => parseLayoutDocument({ epoch: 1, loggers: [], ...delta })).toThrow(refused(message));
    expect(() => parseLayoutChange({ type: "layout", epoch: 1, loggers: [], ...delta })).toThrow(
      refused(message),
    );
  });
});

describe("[R34] a document under a later deploy", () => {
  it("of an earlier release, which had only loggers, is read", () => {
    expect(parseLayoutDocument({ epoch: 3, loggers: [] })).toEqual({ ...EMPTY_DOCUMENT, epoch: 3 });
  });

  it("holds where it can", () => {
    const document = apply({ nodes: [MANAGER, LOGGER, PROXY_1] });
    const later = parseLayout({ nodes: [MANAGER, LOGGER, PROXY_1, PROXY_2, node("proxy-3", "PROXY")] });
    const { layout, contradiction } = layoutInForce(later, document);
    expect([layout.nodes.map(({ name }) => name), contradiction]).toEqual([
      ["manager", "logger", "proxy-1", "proxy-3"],
      undefined,
    ]);
  });

  it("that it contradicts is left out but for the loggers, and says why", () => {
    const before = apply({ pools: [{ name: "p", nodeType: "PROXY", exclusive: true, maxNodes: 2 }] });
    const document = changeDocument(before, { type: "logger", name: "logger", enabled: false }, DEPLOYED);
    const later = parseLayout({ nodes: [MANAGER, LOGGER, PROXY_1] });
    const { layout, contradiction } = layoutInForce(later, document);
    expect(contradiction).toContain("not enough PROXY nodes");
    expect(layout).toEqual({ ...later, nodes: layout.nodes, loggers: [{ name: "logger", enabled: false }] });
  });
});

describe("the difference of two layouts", () => {
  it("names entries and fields", () => {
    const wanted = parseApplied(
      {
        nodes: [{ ...MANAGER, ip: "10.0.0.1" }, LOGGER, PROXY_1, node("w", "WORKER")],
        pools: [{ name: "proxy", maxNodes: 1 }],
        stores: [],
      },
      DEPLOYED,
    );
    expect(diffLayouts(DEPLOYED, wanted)).toEqual([
      { section: "nodes", name: "proxy-2", change: "removed", fields: [] },
      { section: "nodes", name: "manager", change: "changed", fields: ["ip"] },
      { section: "nodes", name: "w", change: "added", fields: [] },
      { section: "pools", name: "proxy", change: "changed", fields: ["maxNodes"] },
      { section: "stores", name: "hosts", change: "removed", fields: [] },
    ]);
    expect(diffLayouts(DEPLOYED, DEPLOYED)).toEqual([]);
  });
});
