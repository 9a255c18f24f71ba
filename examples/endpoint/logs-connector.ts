/** Writes six log records, which go to a peer: `node examples/endpoint/logs-connector.ts ws://127.0.0.1:9999`. */
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import { count } from "../../src/sdk/index.ts";
import { createTestLog, TEST_LOG } from "./testlog.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "connector" });

createTestLog(endpoint);
endpoint.onStatus("peer_added", () => {
  for (let n = 0; n < 6; n++) endpoint.logs.write(TEST_LOG, { msg: "ping", num: count(n) });
});
endpoint.onStatus("peer_lost", () => void endpoint.close());
endpoint.peer(url, { retryMs: 1_000 });
