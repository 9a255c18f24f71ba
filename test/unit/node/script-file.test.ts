import { buildSync } from "esbuild";
import { expect, it } from "vitest";
import { PACKAGE_ROOT } from "../../../src/cli/package-root.ts";
import { scriptsIn } from "../../../src/node/script-file.ts";
import { defineScript } from "../../../src/script/define.ts";

const one = defineScript("one", () => {});
const two = defineScript("two", () => {});

it("a file exports a script by default, or several", () => {
  expect(scriptsIn({ default: one }, "f.ts")).toEqual([one]);
  expect(scriptsIn({ default: [one, two] }, "f.ts")).toEqual([one, two]);
});

it.each([
  {},
  { default: [] },
  { default: () => {} },
  { default: [one, {}] },
  { default: { name: "a b", setup: one.setup } },
])("refuses %j, naming the file", (module) => {
  expect(() => scriptsIn(module, "f.ts")).toThrow("f.ts must export");
});

it("scripts and their host are bundled for browsers: nothing of Node is in them", () => {
  const { outputFiles } = buildSync({
    absWorkingDir: PACKAGE_ROOT,
    stdin: {
      contents: 'export * from "./src/node/join-cluster.ts"; export * from "./src/script/define.ts";',
      resolveDir: PACKAGE_ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  expect(outputFiles[0]!.text).toContain("zeek_init");
});
