/**
 * One side answers questions, the other one asks: `node examples/lookup.ts http://127.0.0.1:8787`. Two clients in one
 * process here; in life they are in two places.
 */
import { addr, connect, toJs } from "../src/sdk/index.ts"; // Outside of this repository: "selvedge-sdk".

const [url = "http://127.0.0.1:8787"] = process.argv.slice(2);
const NAMES = new Map([["10.0.0.1", "gateway"]]);

await using desk = await connect(url, { name: "desk" });
await desk.subscribe("site/lookup", (question) => {
  const [host] = question.args;
  const name = host?.type === "address" ? NAMES.get(toJs(host)) : undefined;
  desk.reply(question, "Lookup::name", [name]);
});

await using asker = await connect(url, { name: "asker" });
for (const host of ["10.0.0.1", "10.0.0.2"]) {
  const { args } = await asker.request("site/lookup", "Lookup::host", [addr(host)], { timeoutMs: 2_000 });
  console.log(host, args.map((value) => toJs(value))[0] ?? "is not known");
}
