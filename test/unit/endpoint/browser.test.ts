/** What a page loads of an endpoint that dials has nothing of Node in it; what listens is loaded when it is asked for. */
import { buildSync } from "esbuild";
import { expect, test } from "vitest";
import { PACKAGE_ROOT } from "../../../src/cli/package-root.ts";

test.each(["src/endpoint/endpoint.ts", "src/endpoint/api2014/context.ts"])(
  "%s is for browsers, too",
  (entry) => {
    const { outputFiles, metafile } = buildSync({
      absWorkingDir: PACKAGE_ROOT,
      entryPoints: [entry],
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["browser", "import"],
      external: ["node:*", "ws"],
      outdir: "out",
      metafile: true,
      write: false,
      logLevel: "silent",
    });
    expect(outputFiles.length).toBeGreaterThan(1);
    const outputs = Object.entries(metafile.outputs);
    const loaded = new Set(
      outputs.filter(([, { entryPoint }]) => entryPoint === entry).map(([path]) => path),
    );
    for (const path of loaded) {
      for (const { path: imported, kind } of metafile.outputs[path]?.imports ?? []) {
        if (kind === "import-statement") loaded.add(imported);
      }
    }
    expect([...loaded].filter((path) => path.startsWith("node:") || path === "ws")).toEqual([]);
  },
);
