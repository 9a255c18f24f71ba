/** Waits for a peer, and ends when it goes: `node examples/endpoint/connecting-listener.ts ws://127.0.0.1:9999`. */
import { Endpoint } from "../../src/endpoint/endpoint.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "listener" });

endpoint.onStatus("peer_added", ({ peer }) => console.log("peer added", peer.name));
endpoint.onStatus("peer_lost", ({ peer }) => {
  console.log("peer lost", peer.name);
  void endpoint.close();
});
console.log("listening on", await endpoint.listen(url));
