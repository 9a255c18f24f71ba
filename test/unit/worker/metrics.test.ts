import { expect, test } from "vitest";
import { formatMetrics } from "../../../src/worker/metrics.ts";

test("Prometheus' text format: help, type, samples with their labels escaped", () => {
  const text = formatMetrics([
    {
      name: "a_total",
      help: "All.",
      type: "counter",
      label: "router",
      samples: [
        ["main", 5],
        ['q"\\\n', 0],
      ],
    },
    { name: "none", help: "Nothing.", type: "gauge", label: "x", samples: [] },
  ]);
  expect(text).toBe(
    '# HELP a_total All.\n# TYPE a_total counter\na_total{router="main"} 5\na_total{router="q\\"\\\\\\n"} 0\n' +
      "# HELP none Nothing.\n# TYPE none gauge\n",
  );
});
