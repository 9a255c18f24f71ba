/** The layout as operators see it: sources of settings, and what `selvedge cluster check` tells. */
import { describe, expect, it } from "vitest";
import { changeDocument, EMPTY_DOCUMENT } from "../../../src/cluster/layout-document.ts";
import { checkLayout, viewLayout } from "../../../src/cluster/layout-view.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";

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
    expect(viewLayout(deployed, "variable", document)).toEqual({
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
});
