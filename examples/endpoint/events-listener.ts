/** Handles five events of a peer: `node examples/endpoint/events-listener.ts ws://127.0.0.1:9999`. */
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import type { EndpointEvent } from "../../src/endpoint/event-handlers.ts";
import { toJs } from "../../src/sdk/index.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "listener" });
let count = 0;

function got({ name, args }: EndpointEvent): void {
  console.log("got", name, ...args.map((value) => toJs(value)));
  if (++count === 5) void endpoint.close();
}

endpoint.on("my_event", got);
endpoint.on("my_auto_event", got);
endpoint.onStatus("peer_added", ({ peer }) => console.log("peer added", peer.name));
await endpoint.subscribe("zeek/event/");
console.log("listening on", await endpoint.listen(url));
