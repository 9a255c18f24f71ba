/**
 * Work is spread over the proxies by the hash of a key: the same key always goes to the same proxy, from whichever
 * worker, so a proxy can keep what it knows of a key in its own state. Here each proxy counts its keys.
 *
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/worker-to-proxies.ts
 */
import { count } from "../src/data/value.ts";
import { defineScript } from "../src/script/define.ts";

const KEYS = 100;

export default defineScript("worker-to-proxies", (zeek) => {
  const type = zeek.localNodeType();

  if (type === "PROXY") {
    zeek.on(
      "Example::seen",
      (key) => {
        const name = `seen/${String(key.value)}`;
        const before = zeek.state.get(name);
        zeek.state.set(name, count(before?.type === "count" ? before.value + 1n : 1));
      },
      { types: ["string"] },
    );
    zeek.on("Example::report", () => {
      const counts = zeek.state
        .entries("seen/")
        .map(([, value]) => (value.type === "count" ? value.value : 0n));
      zeek.clusterLog(`has ${counts.length} keys of ${counts.reduce((sum, n) => sum + n, 0n)} events`);
    });
  }

  if (type === "WORKER") {
    zeek.on("Example::start", () => {
      for (let n = 0; n < KEYS; n++) {
        const key = `example_key${n}`;
        zeek.publishHrw("proxy", key, "Example::seen", key);
      }
    });
  }
});
