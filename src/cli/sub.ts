/** `selvedge sub`: prints events as they come. */
import type { CAC } from "cac";
import type { FabricError } from "../base/errors.ts";
import type { ReceivedEvent } from "../sdk/index.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { connectTo, targetOf, type TargetOptions } from "./target.ts";
import { untilSignal } from "./until-signal.ts";
import { formatForPeople } from "./zeek-text.ts";

interface SubOptions extends TargetOptions {
  readonly count?: unknown;
}

export function registerSub(cli: CAC): void {
  cli
    .command("sub [...prefixes]", "Print the events under topic prefixes, one a line")
    .option("--count <n>", "End after so many events")
    .example("selvedge sub zeek/")
    .example('selvedge sub "" --json     # every topic; JSON v1 messages as on the wire')
    .example("selvedge sub zeek/cluster/ zeek/control/ --count 10")
    .action(sub);
}

async function sub(prefixes: readonly string[], options: SubOptions): Promise<number> {
  if (prefixes.length === 0) throw new UsageError('name a topic prefix; "" stands for every topic');
  const limit = options.count === undefined ? Infinity : Number(options.count);
  if (!(limit > 0)) throw new UsageError(`--count must be a number above 0, got ${String(options.count)}`);
  const json = options.json ?? false;
  const client = await connectTo(targetOf(options));
  let printed = 0;
  let missed = false;
  const ended = Promise.withResolvers<FabricError | undefined>();
  client.on("close", (error) => ended.resolve(error));
  client.on("lost", (retryInMs) =>
    console.error(`selvedge: connection lost, trying again in ${retryInMs} ms`),
  );
  client.on("gap", ({ extent, from, to }) => {
    missed = true;
    const range = extent === "exact" ? `${to.seq - from.seq} frames` : "an unknown number of frames";
    console.error(`selvedge: events were lost: ${range} of router ${to.router}`);
  });
  // A reader such as head has seen enough when it closes the pipe.
  process.stdout.on("error", () => ended.resolve(undefined));
  const print = (event: ReceivedEvent) => {
    if (printed >= limit) return;
    process.stdout.write(`${json ? event.text : lineOf(event)}\n`);
    if (++printed >= limit) ended.resolve(undefined);
  };
  try {
    await client.subscribe(prefixes, print);
    const signalled = untilSignal();
    console.error(`selvedge: subscribed to ${prefixes.map((prefix) => JSON.stringify(prefix)).join(", ")}`);
    const error = await Promise.race([ended.promise, signalled]);
    if (error !== undefined) return reportError(error, json);
  } finally {
    // An open client keeps the process, also when the subscription was refused.
    client.abort();
  }
  return missed ? EXIT.partial : EXIT.ok;
}

function lineOf(event: ReceivedEvent): string {
  return `${event.topic} ${event.name}(${event.args.map(formatForPeople).join(", ")})`;
}
