/**
 * Connects to a peer, whenever it is there, and ends: `node examples/endpoint/connecting-connector.ts
 * ws://127.0.0.1:9999`. RETRY_MS says how long it waits between attempts.
 */
import { Endpoint } from "../../src/endpoint/endpoint.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "connector" });

endpoint.onStatus("error", ({ code }) => console.log("not yet:", code));
endpoint.onStatus("peer_added", ({ peer }) => {
  console.log("peer added", peer.name);
  void endpoint.close();
});
endpoint.peer(url, { retryMs: Number(process.env["RETRY_MS"] ?? 1_000) });
