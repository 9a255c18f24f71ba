import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { layout } from "./src/site/layout.ts";

const node = (name: string, include: string[], timeoutMs: number) => ({
  test: {
    name,
    include,
    environment: "node" as const,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    // Each system file runs a workerd of its own; two cores hold no more than one at a time.
    fileParallelism: name === "unit",
  },
});

/** Of the objects in worker tests: the deployed layout, and routers that keep what is under "kept/". */
const WORKER_LAYOUT = {
  ...layout,
  routers: [
    { name: "main", prefix: "" },
    ...[1, 2, 3].map((n) => ({ name: `kept-${n}`, prefix: `kept/${n}/` })),
  ],
  retention: [{ prefix: "kept/", seconds: 3_600 }],
};

/** What waits for objects to fall asleep and for nodes to be given up, in real time: not part of `npm run check`. */
const SLOW = [
  "test/worker/eviction-under-load.test.ts",
  "test/worker/membership.test.ts",
  "test/worker/membership-reports.test.ts",
  "test/worker/membership-session.test.ts",
  "test/worker/topic-router.test.ts",
];

const workerd = (name: string, include: string[], exclude: string[]) => ({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: { bindings: { LAYOUT: JSON.stringify(WORKER_LAYOUT) } },
    }),
  ],
  test: {
    name,
    include,
    exclude,
    deps: { optimizer: { ssr: { enabled: true, include: ["itty-durable"] } } },
  },
});

export default defineConfig({
  test: {
    projects: [
      node("unit", ["test/unit/**/*.test.ts", "test/sim/**/*.test.ts", "test/contract/**/*.test.ts"], 60_000),
      node("system", ["test/system/**/*.test.ts"], 120_000),
      node("data", ["test/data/**/*.test.ts"], 600_000),
      node("peers", ["test/peers/**/*.test.ts"], 120_000),
      node("faults", ["test/faults/**/*.test.ts"], 1_200_000),
      workerd("worker", ["test/worker/**/*.test.ts"], SLOW),
      workerd("worker-slow", SLOW, []),
    ],
  },
});
