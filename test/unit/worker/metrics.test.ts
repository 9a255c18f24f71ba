import { expect, test } from "vitest";
import { formatMetrics } from "../../../src/worker/metrics.ts";

test("Prometheus' text format: help, type, samples with their labels escaped", () => {
  const text = formatMetrics([
    {
      name: "a_total",
      help: "All.",
      type: "counter",
      samples: [
        [{ router: "main" }, 5],
        [{ router: 'q"\\\n', reason: "away" }, 0],
      ],
    },
    { name: "none", help: "Nothing.", type: "gauge", samples: [] },
  ]);
  expect(text).toBe(
    '# HELP a_total All.\n# TYPE a_total counter\na_total{router="main"} 5\na_total{router="q\\"\\\\\\n",reason="away"} 0\n' +
      "# HELP none Nothing.\n# TYPE none gauge\n",
  );
});
