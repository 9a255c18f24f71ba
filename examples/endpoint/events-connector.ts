/** Sends three events, and two that are published by being raised: `node examples/endpoint/events-connector.ts URL`. */
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import { count, toJs } from "../../src/sdk/index.ts";

const [url = "ws://127.0.0.1:9999"] = process.argv.slice(2);
const endpoint = new Endpoint({ name: "connector" });

endpoint.autoPublish("zeek/event/my_auto_event", "my_auto_event");
for (const name of ["my_event", "my_auto_event"]) {
  endpoint.on(name, ({ args }) => console.log("got", name, ...args.map((value) => toJs(value))));
}
endpoint.onStatus("peer_added", ({ peer }) => {
  console.log("peer added", peer.name);
  endpoint.publish("zeek/event/my_event", "my_event", "hi", count(0));
  endpoint.raise("my_auto_event", "stuff", count(88));
  endpoint.publish("zeek/event/my_event", "my_event", "...", count(1));
  endpoint.raise("my_auto_event", "more stuff", count(51));
  const event = endpoint.makeEvent("my_event", "bye", count(2));
  endpoint.publish("zeek/event/my_event", event);
});
endpoint.onStatus("peer_lost", ({ peer }) => {
  console.log("peer lost", peer.name);
  void endpoint.close();
});
endpoint.peer(url, { retryMs: 1_000 });
