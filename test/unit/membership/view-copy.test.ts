import { describe, expect, it } from "vitest";
import { ViewCopy } from "../../../src/membership/view-copy.ts";
import type { ViewFrame } from "../../../src/protocol/member-frame.ts";
import { node } from "../../support/membership-trunk.ts";

const view = (number: number, base: number | undefined, rest: Partial<ViewFrame> = {}): ViewFrame => ({
  type: "view",
  id: { life: "a", number },
  base,
  up: [],
  down: [],
  ...rest,
});

describe("a copy of the view", () => {
  it("M-5 applies what fits, ignores what it knows, and tells a gap", () => {
    const copy = new ViewCopy();
    expect(copy.take(view(2, 1))).toBe("gap");
    expect(copy.take(view(1, undefined, { up: [node(1)] }))).toEqual({ up: [node(1)], down: [] });
    expect(copy.take(view(1, 0, { up: [node(9)] }))).toBe("known");
    expect(copy.take(view(3, 2))).toBe("gap");
    expect(copy.take(view(2, 1, { down: [node(1)], up: [node(1, "b"), node(2)] }))).toMatchObject({});
    expect([...copy.members.values()]).toEqual([node(1, "b"), node(2)]);
    expect(copy.id).toEqual({ life: "a", number: 2 });
    expect(copy.isUp(node(1, "b"))).toBe(true);
    expect(copy.isUp(node(1))).toBe(false);
  });

  it("M-5 a whole view tells what differs, also from another life of Membership", () => {
    const copy = new ViewCopy();
    copy.take(view(7, undefined, { up: [node(1), node(2), node(3)] }));
    const other = view(2, undefined, { id: { life: "b", number: 2 }, up: [node(2), node(3, "b")] });
    const taken = copy.take(other);
    expect(taken).toEqual({ up: [node(3, "b")], down: [node(1), node(3)] });
    expect(copy.take(view(8, 7))).toBe("gap");
    expect(copy.snapshot()).toEqual(other);
  });

  it("M-5 [E20] counts the nodes of a type", () => {
    const copy = new ViewCopy();
    expect(copy.snapshot()).toBeUndefined();
    copy.take(view(1, undefined, { up: [node(1), node(2), node(3, "a", "PROXY")] }));
    expect([copy.count("WORKER"), copy.count("PROXY"), copy.count("LOGGER")]).toEqual([2, 1, 0]);
    copy.take(view(2, 1, { down: [node(2)] }));
    expect(copy.count("WORKER")).toBe(1);
  });
});
