/**
 * Prints the events under some prefixes, from a fabric or from a Zeek:
 *
 *     node examples/event-tail.ts http://127.0.0.1:8787 zeek/
 *     node examples/event-tail.ts ws://zeek:27759/v1/messages/json zeek/
 *
 * Ends after COUNT events when that is set. SELVEDGE_TOKEN holds the token, where one is needed.
 */
import { connect, toJs } from "../src/sdk/index.ts"; // Outside of this repository: "selvedge-sdk".

const [url = "http://127.0.0.1:8787", ...prefixes] = process.argv.slice(2);
const limit = Number(process.env["COUNT"] ?? Infinity);

await using client = await connect(url, { token: process.env["SELVEDGE_TOKEN"] });
client.on("status", (status) => console.error(`connection: ${status}`));
client.on("gap", ({ events = "an unknown number of", reason = "unknown" }) =>
  console.error(`missed ${events} events: ${reason}`),
);

const events = client.subscribe(prefixes.length > 0 ? prefixes : [""]);
await events.ready;
console.error("subscribed");

let count = 0;
for await (const event of events) {
  console.log(event.topic, event.name, ...event.args.map((value) => toJs(value)));
  if (++count >= limit) break;
}
