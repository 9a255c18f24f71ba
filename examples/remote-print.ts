/**
 * What one program prints goes to a file of the fabric, and to whoever follows it:
 * `node examples/remote-print.ts http://127.0.0.1:8787`. Two clients in one process here; in life they are in two places.
 */
import { connect, toJs } from "../src/sdk/index.ts"; // Outside of this repository: "selvedge-sdk".

const [url = "http://127.0.0.1:8787"] = process.argv.slice(2);
const [topic, path] = ["site/print", "prints/worker-1.log"];

await using follower = await connect(url, { name: "follower" });
const lines = follower.subscribe(topic);
await lines.ready;

await using worker = await connect(url, { name: "worker-1" });
const print = async (...words: readonly string[]) => worker.files.write(topic, path, `${words.join(", ")}\n`);
await print("hello", "world");
await print("bye");

for (let n = 0; n < 2; n++) {
  const { value } = await lines.next();
  const [name, text] = value!.args.map((arg) => (arg.type === "string" ? toJs(arg) : ""));
  process.stdout.write(`${String(name)}: ${String(text)}`);
}
