/** A node in a process of its own, to be killed: it writes a line for each pool event that it handles. URL NAME. */
import { writeSync } from "node:fs";
import { joinCluster } from "../../src/node/join-cluster.ts";
import { defineScript } from "../../src/script/define.ts";

const [url, name] = process.argv.slice(2) as [string, string];
const STDOUT = 1;

await joinCluster(url, {
  name,
  scripts: [
    defineScript("work", (zeek) => {
      zeek.on("Pool::work", (id) => void writeSync(STDOUT, `handled ${id.value}\n`), { types: ["count"] });
    }),
  ],
});
writeSync(STDOUT, "joined\n");
