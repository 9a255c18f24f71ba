/** Gets six log records of a peer: `node examples/endpoint/logs-listener.ts ws://127.0.0.1:9999`. */
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import { toJs } from "../../src/sdk/index.ts";
import { bigintsToo, createTestLog } from "./testlog.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "listener" });
let count = 0;

createTestLog(endpoint);
endpoint.logs.on(({ path, columns, values, topic }) => {
  const record = Object.fromEntries(columns.map((column, i) => [column, toJs(values[i]!)]));
  console.log("got log", path, topic, JSON.stringify(record, bigintsToo));
  if (++count === 6) void endpoint.close();
});
await endpoint.subscribe("zeek/logs/");
console.log("listening on", await endpoint.listen(url));
