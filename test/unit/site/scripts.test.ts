/** Which nodes at the edge have the shipped scripts. */
import { expect, it } from "vitest";
import { parseLayout } from "../../../src/cluster/layout.ts";
import shipped from "../../../src/policy/shipped.ts";
import { layout } from "../../../src/site/layout.ts";
import { scriptedNodes, scriptsOf } from "../../../src/site/scripts.ts";

const names = (nodes: object[]) => scriptedNodes(parseLayout({ nodes }).nodes).map(({ name }) => name);
const CLUSTER = [
  { name: "manager", nodeType: "MANAGER" },
  { name: "logger-1", nodeType: "LOGGER" },
  { name: "proxy", nodeType: "PROXY", count: 2 },
  { name: "proxy-9", nodeType: "PROXY", place: "remote" },
];

it("nobody in a layout without workers: the fabric has nothing to wake", () => {
  expect(names(CLUSTER)).toEqual([]);
  expect(scriptedNodes(parseLayout(layout).nodes)).toEqual([]);
});

it("manager and proxies of the fabric where there are workers; those elsewhere bring their own", () => {
  const nodes = [...CLUSTER, { name: "worker-1", nodeType: "WORKER" }];
  expect(names(nodes)).toEqual(["manager", "proxy-1", "proxy-2"]);
  expect(scriptsOf(parseLayout({ nodes }).nodes, "manager")).toEqual(shipped);
  expect(scriptsOf(parseLayout({ nodes }).nodes, "stranger")).toEqual([]);
});
