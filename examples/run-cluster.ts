/**
 * A cluster in one process: the remote nodes of the layout, each with the scripts of one file. Every node is told
 * `Example::start`; a moment later `Example::report`. What they say in the cluster log is printed.
 *
 * node src/cli/main.ts serve --layout examples/cluster.json &
 * node examples/run-cluster.ts http://127.0.0.1:8787 examples/worker-to-workers.ts
 */
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { joinCluster } from "../src/node/join-cluster.ts";
import { readSetup } from "../src/node/layout.ts";
import { scriptsIn } from "../src/node/script-file.ts";
import { connect } from "../src/sdk/index.ts";

const [url = "http://127.0.0.1:8787", file = "examples/manager-to-workers.ts"] = process.argv.slice(2);
const SETTLE_MS = 1_500;

const scripts = scriptsIn(await import(pathToFileURL(file).href), file);
const { nodes } = await readSetup(url, undefined);
const names = nodes.filter(({ place }) => place === "remote").map(({ name }) => name);
const processes = await Promise.all(
  names.map(async (name) =>
    joinCluster(url, {
      name,
      scripts,
      report: ({ level, script, message }) => console.error(`${name}: ${level} in ${script}: ${message}`),
      logged: (stream, line) => {
        if (stream === "cluster") console.log(line);
      },
    }),
  ),
);

await using operator = await connect(url);
for (const event of ["Example::start", "Example::report"]) {
  // Time for views to reach everybody, and for what the nodes say to each other.
  await wait(SETTLE_MS);
  for (const name of names) operator.publish(`zeek/cluster/node/${name}/`, event);
  await operator.flush();
}
await wait(SETTLE_MS);
await Promise.all(processes.map(async (node) => node.close()));
