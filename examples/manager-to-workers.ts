/**
 * The manager tells all workers something. Every node runs the same file, so it must be the manager alone that sends:
 * four ways to say so, from the pattern of Zeek's cluster documentation.
 *
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/manager-to-workers.ts
 */
import { defineScript } from "../src/script/define.ts";

export default defineScript("manager-to-workers", (zeek) => {
  zeek.on("Example::manager_to_workers", (text) => zeek.clusterLog(`got ${String(text.value)}`), {
    types: ["string"],
  });

  const tellWorkers = (text: string) =>
    zeek.publish(zeek.classTopic("WORKER"), "Example::manager_to_workers", text);

  // v0: nothing is asked. Workers say that they are ready on the manager's topic, which nobody else hears.
  zeek.on("Example::ready", () => void tellWorkers("hello v0"));

  zeek.on("Example::start", () => {
    if (zeek.localNodeType() === "WORKER") zeek.publish(zeek.classTopic("MANAGER"), "Example::ready");
    // v1: by the name of the node.
    if (zeek.node === "manager") tellWorkers("hello v1");
    // v2: by its type.
    if (zeek.localNodeType() === "MANAGER") tellWorkers("hello v2");
  });

  // v3: other nodes do not even have the handler, as with Zeek's @if.
  if (zeek.localNodeType() === "MANAGER") zeek.on("Example::start", () => void tellWorkers("hello v3"));
});
