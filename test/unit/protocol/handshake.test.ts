import { describe, expect, test } from "vitest";
import { negotiateVersion, PROTOCOL_VERSIONS } from "../../../src/protocol/handshake.ts";

const [oldest, newest] = PROTOCOL_VERSIONS;

describe("negotiateVersion", () => {
  test("R37 two of this release agree on its newest", () => {
    expect(negotiateVersion(PROTOCOL_VERSIONS)).toBe(newest);
  });

  test.each<[[number, number], number]>([
    [[newest, newest + 1], newest],
    [[0, oldest], oldest],
    [[0, 99], newest],
  ])("R37 %j speaks %i", (theirs, version) => {
    expect(negotiateVersion(theirs)).toBe(version);
  });

  test.each<[[number, number]]>([[[newest + 1, newest + 2]], [[0, oldest - 1]], [[newest + 1, newest]]])(
    "R37 %j is refused",
    (theirs) => {
      expect(() => negotiateVersion(theirs)).toThrow(
        expect.objectContaining({ code: "version_unsupported" }) as Error,
      );
    },
  );
});
