/** The layout as operators see it: sources of settings, and what `selvedge cluster check` tells. */
import { describe, expect, it } from "vitest";
import { changeDocument, EMPTY_DOCUMENT } from "../../../src/cluster/layout-document.ts";
import { checkLayout } from "../../../src/cluster/layout-check.ts";
import { viewLayout } from "../../../src/cluster/layout-view.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import { parseNodes } from "../../../src/cluster/node.ts";
import { parseStores } from "../../../src/cluster/store-entry.ts";

const view = (input: unknown) => viewLayout(parseLayout(input), "site", EMPTY_DOCUMENT);
const codesOf = (input: unknown) => checkLayout(view(input)).map(({ code }) => code);
const TWO = [{ name: "one" }, { name: "two" }];

describe("the view of a layout", () => {
  it("says where each setting comes from, and prefixes as text", () => {
    const deployed = parseLayout({
      routers: [
        { name: "m", prefix: "" },
        { name: "u", prefix: "ü/" },
      ],
      loggers: TWO,
    });
    const document = changeDocument(
      EMPTY_DOCUMENT,
      { type: "logger", name: "two", enabled: false },
      deployed,
    );
    expect(viewLayout(deployed, "variable", document)).toMatchObject({
      epoch: 1,
      routers: [
        { name: "m", prefix: "", source: "variable" },
        { name: "u", prefix: "ü/", source: "variable" },
      ],
      loggers: [
        { name: "one", enabled: true, deployed: true, source: "variable" },
        { name: "two", enabled: false, deployed: true, source: "operator" },
      ],
      jsonReader: { ...deployed.jsonReader, source: "variable" },
    });
  });
});

describe("the check of a layout", () => {
  it("finds nothing with one router and two enabled loggers", () => {
    expect(codesOf({ loggers: TWO })).toEqual([]);
  });

  it("tells that order holds per router, for each prefix that is split from another (R9)", () => {
    const routers = [
      { name: "main", prefix: "" },
      { name: "zeek", prefix: "zeek/" },
      { name: "intel", prefix: "zeek/intel/" },
    ];
    const messages = checkLayout(view({ routers, loggers: TWO })).map(({ message }) => message);
    expect(messages).toEqual([
      expect.stringContaining('router zeek splits "zeek/" from "" of router main'),
      expect.stringContaining('router intel splits "zeek/intel/" from "zeek/" of router zeek'),
    ]);
    expect(messages[0]).toContain("R9");
  });

  it("tells that loggers are missing", () => {
    expect(codesOf({})).toEqual(["no_logger_enabled"]);
    expect(codesOf({ loggers: [{ name: "one", enabled: false }] })).toEqual(["no_logger_enabled"]);
    expect(codesOf({ loggers: [{ name: "one" }] })).toEqual(["one_logger_enabled"]);
  });

  it("tells what is odd about nodes and pools", () => {
    const manager = { name: "m", nodeType: "MANAGER" };
    const worker = { name: "w", nodeType: "WORKER" };
    expect(codesOf({ loggers: TWO, nodes: [worker] })).toEqual(["no_manager"]);
    expect(codesOf({ loggers: TWO, nodes: [manager], managerIsLogger: true })).toEqual([
      "manager_beside_loggers",
    ]);
    expect(codesOf({ loggers: TWO, nodes: [manager, worker] })).toEqual([]);
    const pools = [{ name: "mine", nodeType: "PROXY" }];
    const [finding] = checkLayout(view({ loggers: TWO, nodes: [manager], pools }));
    expect(finding).toMatchObject({
      code: "empty_pool",
      message: expect.stringContaining("pool mine is empty"),
    });
  });

  it("tells when a deploy has overtaken what was changed at run time", () => {
    const document = {
      ...EMPTY_DOCUMENT,
      epoch: 1,
      stores: [{ name: "s", removed: true as const }],
      nodes: parseNodes([{ name: "b", nodeType: "MANAGER" }]),
    };
    const seen = viewLayout(
      parseLayout({ loggers: TWO, nodes: [{ name: "a", nodeType: "MANAGER" }] }),
      "site",
      document,
    );
    expect(seen.nodes.map(({ name, source }) => `${name} ${source}`)).toEqual([
      "a site",
      "one site",
      "two site",
    ]);
    expect(checkLayout(seen)).toMatchObject([
      { code: "contradiction", message: expect.stringContaining("one manager, not 2: a, b") },
    ]);
  });
});

describe("the view of nodes, pools and stores", () => {
  it("has members, and where each comes from", () => {
    const deployed = parseLayout({
      nodes: [{ name: "p", nodeType: "PROXY" }],
      pools: [{ name: "proxy", maxNodes: 3, topic: "ü" }],
    });
    const document = {
      ...EMPTY_DOCUMENT,
      epoch: 1,
      nodes: parseNodes([{ name: "q", nodeType: "PROXY" }]),
      stores: parseStores([{ name: "s" }]),
    };
    const { nodes, pools, stores, settings } = viewLayout(deployed, "site", document);
    expect(nodes.map(({ name, source }) => [name, source])).toEqual([
      ["p", "site"],
      ["q", "operator"],
    ]);
    expect(pools.map(({ name, topic, nodes: members, source }) => [name, topic, members, source])).toEqual([
      ["logger", "zeek/cluster/pool/logger", [], undefined],
      ["worker", "zeek/cluster/pool/worker", [], undefined],
      ["proxy", "ü", ["p", "q"], "site"],
    ]);
    expect(stores).toMatchObject([{ name: "s", source: "operator" }]);
    expect(settings).toMatchObject({ managerIsLogger: true, hrwGeneration: "7.1", retryIntervalMs: 1_000 });
    expect(settings).not.toHaveProperty("routers");
  });
});
