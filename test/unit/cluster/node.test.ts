/** Nodes of a layout: fields, types, and their bounds. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { NODE_TYPES, parseNodes } from "../../../src/cluster/node.ts";

const WORKER = { name: "w", nodeType: "WORKER" };

describe("the nodes of a layout", () => {
  it("[B1] [E23] have Zeek's types, in its order", () => {
    expect(NODE_TYPES).toEqual(["NONE", "CONTROL", "LOGGER", "MANAGER", "PROXY", "WORKER", "TIME_MACHINE"]);
    const nodes = NODE_TYPES.slice(1).map((nodeType) => ({ name: nodeType.toLowerCase(), nodeType }));
    expect(parseNodes(nodes).map(({ nodeType, place }) => [nodeType, place])).toEqual([
      ["CONTROL", "remote"],
      ["LOGGER", "edge"],
      ["MANAGER", "edge"],
      ["PROXY", "edge"],
      ["WORKER", "remote"],
      ["TIME_MACHINE", "remote"],
    ]);
  });

  it("[E22] have the fields of Zeek's entries", () => {
    const entry = {
      ...WORKER,
      ip: "10.0.0.1",
      zoneId: "eth0",
      port: 5_000,
      metricsPort: 9_991,
      interface: "eth1",
      manager: "m",
      timeMachine: "t",
    };
    expect(parseNodes([entry])).toEqual([{ ...entry, place: "remote", enabled: true }]);
  });

  it("can be written once for many", () => {
    expect(parseNodes([{ ...WORKER, count: 3 }]).map(({ name }) => name)).toEqual(["w-1", "w-2", "w-3"]);
  });

  it.each([
    ["nodes must be an array; it is of type object", {}],
    ["nodes[0] must be an object; it is the string", ["w"]],
    ["nodes[0].name must be a string; it is of type undefined", [{ nodeType: "PROXY" }]],
    ["nodes[0].name must match", [{ name: "a/b", nodeType: "PROXY" }]],
    [
      'nodes[0].nodeType must be one of NONE, CONTROL, LOGGER, MANAGER, PROXY, WORKER, TIME_MACHINE; it is the string "worker"',
      [{ name: "w", nodeType: "worker" }],
    ],
    ["nodes[0].nodeType NONE", [{ name: "w", nodeType: "NONE" }]],
    ['nodes[0].place must be one of edge, remote; it is the string "cloud"', [{ ...WORKER, place: "cloud" }]],
    ["nodes[0].place: a WORKER is always remote", [{ ...WORKER, place: "edge" }]],
    ["nodes[0].enabled: only a logger at the edge", [{ ...WORKER, enabled: false }]],
    [
      "nodes[0].enabled: only a logger at the edge",
      [{ name: "l", nodeType: "LOGGER", place: "remote", enabled: false }],
    ],
    ["nodes[0] has no field type; its fields are name,", [{ ...WORKER, type: 1 }]],
    ['nodes[0].port must be an integer of at least 0; it is the string "80"', [{ ...WORKER, port: "80" }]],
    ["nodes[0].port must be at most 65535, not 65536", [{ ...WORKER, port: 65_536 }]],
    ["nodes[0].ip must be a string; it is of type array", [{ ...WORKER, ip: [] }]],
    [
      "nodes[1].count must be an integer of at least 1; it is the number 0",
      [WORKER, { ...WORKER, name: "v", count: 0 }],
    ],
    [
      'node names must be unique: "w-1" is there twice',
      [
        { ...WORKER, count: 2 },
        { ...WORKER, name: "w-1" },
      ],
    ],
  ])("are refused: %s", (message, input) => {
    expect(() => parseNodes(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(message) }),
    );
  });

  it("are refused with the field, the type and the bound, for programs", () => {
    expect(() => parseNodes([{ ...WORKER, port: true }])).toThrow(
      expect.objectContaining({ details: { field: "nodes[0].port", type: "boolean", bound: 0 } }),
    );
    expect(() => parseNodes([{ ...WORKER, name: "x".repeat(64) }])).toThrow("nodes[0].name must match");
    expect(() => parseNodes([{ ...WORKER, nodeType: "x".repeat(99) }])).toThrow(`"${"x".repeat(39)}…`);
  });

  it(`are at most ${LIMITS.nodesMax}`, () => {
    const at = { ...WORKER, count: LIMITS.nodesMax };
    expect(parseNodes([at])).toHaveLength(LIMITS.nodesMax);
    expect(() => parseNodes([at, { ...WORKER, name: "v" }])).toThrow("8193 nodes, at most 8192");
    expect(() => parseNodes([{ ...at, count: LIMITS.nodesMax + 1 }])).toThrow("count must be at most 8192");
    const listed = Array.from({ length: LIMITS.nodesMax + 1 }, (_, i) => ({ ...WORKER, name: `w${i}` }));
    expect(() => parseNodes(listed)).toThrow("8193 nodes, at most 8192");
  });
});
