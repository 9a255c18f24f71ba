/** `selvedge pub`: publishes one event, or those that come on standard input. */
import { createInterface } from "node:readline";
import type { CAC } from "cac";
import { DataMessageScanner, formatDataMessage } from "../protocol/data-message.ts";
import type { Client } from "../sdk/index.ts";
import { EXIT, UsageError } from "./exit.ts";
import { connectTo, targetOf, type TargetOptions } from "./target.ts";
import { ARGUMENT_TYPES, parseArgument } from "./zeek-text.ts";

/** Published texts after which the fabric is waited for, so that a long input takes little memory. */
const FLUSH_EVERY_CHARS = 4 * 1024 * 1024;

interface PubOptions extends TargetOptions {
  readonly repeat?: unknown;
}

interface Outcome {
  readonly published: number;
  readonly refused: number;
}

export function registerPub(cli: CAC): void {
  cli
    .command("pub [topic] [event] [...args]", "Publish an event, or with - those on standard input")
    .option("--repeat <n>", "Publish it so many times", { default: 1 })
    .usage(
      `pub TOPIC EVENT [ARGS…]\n  $ selvedge pub -          JSON v1 messages, one a line, on standard input\n\n` +
        `An argument is TYPE:TEXT, Broker-typed JSON, or else a string. Types: ${ARGUMENT_TYPES.join(", ")}`,
    )
    .example("selvedge pub zeek/hello Hello::greet world")
    .example("selvedge pub zeek/scan Scan::attempt addr:10.0.0.1 port:22/tcp count:5 interval:1.5s")
    .example(`selvedge pub zeek/set Set::put '{"@data-type":"set","data":[{"@data-type":"count","data":1}]}'`)
    .example("selvedge sub zeek/ --json | selvedge pub - --url https://other.example")
    .action((topic: string | undefined, event: string | undefined, args: string[], options: PubOptions) => {
      // cac takes a lone - for an option without a name.
      return cli.rawArgs.includes("-") ? pubInput(topic, options) : pubOne(topic, event, args, options);
    });
}

async function pubOne(
  topic: string | undefined,
  event: string | undefined,
  args: readonly string[],
  options: PubOptions,
): Promise<number> {
  if (topic === undefined || event === undefined) throw new UsageError("name a topic and an event");
  const repeat = Number(options.repeat);
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new UsageError("--repeat must be a whole number above 0");
  const text = formatDataMessage(topic, { name: event, args: args.map(parseArgument), metadata: [] });
  return withClient(options, (client) => publishRepeated(client, topic, text, repeat));
}

async function pubInput(topic: string | undefined, options: PubOptions): Promise<number> {
  if (topic !== undefined) throw new UsageError("with - topics and events come on standard input");
  return withClient(options, publishInput);
}

async function withClient(
  options: PubOptions,
  publish: (client: Client) => Promise<Outcome>,
): Promise<number> {
  const client = await connectTo(targetOf(options));
  let outcome: Outcome;
  try {
    outcome = await publish(client);
    await client.close();
  } finally {
    client.abort();
  }
  if (options.json) console.log(JSON.stringify(outcome));
  else console.log(`published ${outcome.published} event${outcome.published === 1 ? "" : "s"}`);
  return outcome.refused > 0 ? EXIT.partial : EXIT.ok;
}

async function publishRepeated(
  client: Client,
  topic: string,
  text: string,
  repeat: number,
): Promise<Outcome> {
  const pace = paceOf(client);
  for (let i = 0; i < repeat; i++) {
    client.publishText(topic, text);
    await pace(text.length);
  }
  return { published: repeat, refused: 0 };
}

/** Waits for the fabric now and then. */
function paceOf(client: Client): (chars: number) => Promise<void> {
  let waiting = 0;
  return async (chars) => {
    waiting += chars;
    if (waiting < FLUSH_EVERY_CHARS) return;
    waiting = 0;
    await client.flush();
  };
}

/** A line that is no data message is named on standard error and skipped. */
async function publishInput(client: Client): Promise<Outcome> {
  const outcome = { published: 0, refused: 0 };
  const scanner = new DataMessageScanner();
  const pace = paceOf(client);
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    number++;
    if (line.trim() === "") continue;
    const result = scanner.scan(line);
    if (result !== "ok") {
      outcome.refused++;
      console.error(`selvedge: stdin:${number}: not a data message of JSON v1 (${result})`);
      continue;
    }
    client.publishText(scanner.topic, scanner.canonical);
    outcome.published++;
    await pace(line.length);
  }
  return outcome;
}
