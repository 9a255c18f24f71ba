/**
 * A worker tells all workers something. Workers are not connected with each other, so it is relayed: by the manager, or
 * by the proxies in turn, which spares the manager. With a relay the worker hears its own message too.
 *
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/worker-to-workers.ts
 */
import { defineScript } from "../src/script/define.ts";

export default defineScript("worker-to-workers", (zeek) => {
  const type = zeek.localNodeType();

  if (type === "MANAGER" || type === "PROXY") {
    zeek.on(
      "Example::relay",
      (text) => {
        const via = `${String(text.value)} (via ${type === "MANAGER" ? "manager" : zeek.node})`;
        zeek.publish(zeek.classTopic("WORKER"), "Example::to_workers", via);
      },
      { types: ["string"] },
    );
  }

  if (type === "WORKER") {
    zeek.on("Example::to_workers", (text) => zeek.clusterLog(`got ${String(text.value)}`), {
      types: ["string"],
    });
    zeek.on("Example::start", () => {
      zeek.publish(zeek.classTopic("MANAGER"), "Example::relay", `hello from ${zeek.node}`);
      for (let n = 1; n <= 4; n++) {
        const topic = zeek.rrTopic("proxy", "example_key");
        zeek.publish(topic, "Example::relay", `${n} from ${zeek.node}`);
      }
    });
  }
});
