import { describe, expect, it } from "vitest";
import { parseNodes } from "../../../src/cluster/node.ts";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import type { Grant } from "../../../src/protocol/grant.ts";
import { admitNode } from "../../../src/worker/membership-admit.ts";

const NODES = parseNodes([
  { name: "worker-1", nodeType: "WORKER" },
  { name: "proxy-1", nodeType: "PROXY" },
]);
const grant = (rest: Partial<Grant>): Grant => ({ ...FULL_GRANT, admin: false, ...rest });
const admit = (who: Grant, name: string, nodeType = "WORKER", nodes = NODES) => {
  try {
    admitNode(who, nodes, name, nodeType);
    return "admitted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("who may be a node", () => {
  it("M-1 the node that the token names, or any with admin", () => {
    expect(admit(FULL_GRANT, "worker-1")).toBe("admitted");
    expect(admit(grant({ name: "worker-1" }), "worker-1")).toBe("admitted");
    expect(admit(grant({ name: "worker-1", admin: true }), "worker-2")).toBe("forbidden");
    expect(admit(grant({}), "worker-1")).toBe("forbidden");
  });

  it("M-1 of the type that the token names, in either case", () => {
    expect(admit(grant({ name: "worker-1", nodeType: "worker" }), "worker-1")).toBe("admitted");
    expect(admit(grant({ name: "worker-1", nodeType: "PROXY" }), "worker-1")).toBe("forbidden");
  });

  it("M-1 a node of the layout, of its type; without remote nodes in it, any", () => {
    expect(admit(FULL_GRANT, "worker-2")).toBe("unknown_node");
    expect(admit(FULL_GRANT, "worker-1", "PROXY")).toBe("invalid_data");
    expect(admit(FULL_GRANT, "proxy-1", "PROXY")).toBe("forbidden");
    const edge = NODES.filter((node) => node.place === "edge");
    expect(admit(FULL_GRANT, "worker-2", "WORKER", edge)).toBe("admitted");
  });

  it("M-1 by a name and a type that nodes can have", () => {
    expect(admit(FULL_GRANT, "a b", "WORKER", [])).toBe("invalid_data");
    expect(admit(FULL_GRANT, "a", "NONE", [])).toBe("invalid_data");
    expect(admit(FULL_GRANT, "a", "worker", [])).toBe("invalid_data");
  });
});
