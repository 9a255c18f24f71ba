/**
 * Each worker tells the manager its name.
 *
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/worker-to-manager.ts
 */
import { defineScript } from "../src/script/define.ts";

export default defineScript("worker-to-manager", (zeek) => {
  zeek.on("Example::start", () => {
    if (zeek.localNodeType() !== "WORKER") return;
    zeek.publish(zeek.classTopic("MANAGER"), "Example::worker_to_manager", zeek.node);
  });

  if (zeek.localNodeType() === "MANAGER") {
    zeek.on("Example::worker_to_manager", (name) => zeek.clusterLog(`heard of ${String(name.value)}`), {
      types: ["string"],
    });
  }
});
