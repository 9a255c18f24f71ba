/**
 * Each worker gets a proxy of its own: the manager gives them out in turn, so no proxy has more than one worker more than
 * another. When a proxy goes, its workers get another one.
 *
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/worker-home-proxy.ts
 */
import { textOf } from "../src/policy/text.ts";
import { defineScript } from "../src/script/define.ts";

export default defineScript("worker-home-proxy", (zeek) => {
  const type = zeek.localNodeType();

  if (type === "MANAGER") {
    const give = (worker: string) => {
      const home = zeek.rrTopic("proxy", "homes");
      zeek.state.set(worker, home);
      if (home !== "") zeek.publish(zeek.nodeTopic(worker), "Example::home", home);
    };
    zeek.on(
      "Cluster::node_up",
      (name) => {
        const node = String(name.value);
        if (zeek.nodes.get(node)?.nodeType === "WORKER") give(node);
        else for (const [worker, home] of zeek.state.entries()) if (textOf(home) === "") give(worker);
      },
      { types: ["string", "string"] },
    );
    zeek.on(
      "Cluster::node_down",
      (name) => {
        const node = String(name.value);
        zeek.state.delete(node);
        for (const [worker, home] of zeek.state.entries())
          if (textOf(home) === zeek.nodeTopic(node)) give(worker);
      },
      { types: ["string", "string"] },
    );
  }

  if (type === "WORKER") {
    zeek.on(
      "Example::home",
      (topic) => {
        zeek.state.set("home", topic);
        zeek.publish(String(topic.value), "Example::at_home", zeek.node);
      },
      { types: ["string"] },
    );
  }

  if (type === "PROXY") {
    zeek.on("Example::at_home", (worker) => zeek.clusterLog(`has ${String(worker.value)}`), {
      types: ["string"],
    });
  }
});
