/** A native reader that is cut off for a while under load, in a server that lives on or is killed meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { startServe, type ServeProcess } from "./fabric.ts";
import { numberedOf, NumberedLoad } from "./numbered-load.ts";
import { ResumingReader } from "./resuming-reader.ts";

const EVENTS_PER_SECOND = 5_000;
/** How long the load goes on around the absence. */
const BEFORE_MS = 500;
const AFTER_MS = 500;
const POLL_MS = 20;
/** The last events of all publishers are among that many frames at the end. */
const TAIL_FRAMES = 500;

export const AWAY_LAYOUT = {
  routers: [{ name: "main", prefix: "" }],
  loggers: [{ name: "logger-1" }],
  retention: [{ prefix: "kept/", seconds: 600 }],
};

export interface AwayPlan {
  readonly prefix: "kept/" | "plain/";
  readonly awayMs: number;
  /** Whether the server is killed in the middle of the absence, and started again. */
  readonly isKilled: boolean;
}

export interface AwayResult {
  /** The reader that was cut off. */
  readonly reader: ResumingReader;
  /** One that was there all the time, as far as the server was. */
  readonly witness: ResumingReader;
  /** What each publisher has published, all of it acknowledged. */
  readonly published: readonly number[];
}

/** Polls; the runner's time-out is the guard. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(POLL_MS);
}

/** Runs the plan; resolves when the reader has come back and has what was published last. */
export async function runAway({ prefix, awayMs, isKilled }: AwayPlan): Promise<AwayResult> {
  const servers = [await startServe({ layout: AWAY_LAYOUT })];
  const { url, wsUrl } = servers[0]!;
  const load = await NumberedLoad.open(url, `${prefix}x`);
  const [reader, witness] = [new ResumingReader(prefix), new ResumingReader(prefix)];
  try {
    await reader.connect(wsUrl);
    await witness.connect(wsUrl);
    load.start(EVENTS_PER_SECOND);
    await sleep(BEFORE_MS);
    await until(() => reader.received > 0);
    reader.cut();
    await sleep(awayMs / 2);
    if (isKilled) {
      witness.cut();
      servers.push(await restarted(servers[0]!));
      await witness.connect(wsUrl);
    }
    await sleep(awayMs / 2);
    await reader.connect(wsUrl);
    await sleep(AFTER_MS);
    await load.stop();
    const published = load.numbers;
    await until(() => [reader, witness].every((r) => isAtEnd(r, published)));
    return { reader, witness, published };
  } finally {
    reader.cut();
    witness.cut();
    load.close();
    // The last one first: the folder of the state is the first one's.
    for (const server of servers.toReversed()) await server.dispose();
  }
}

async function restarted(server: ServeProcess): Promise<ServeProcess> {
  await server.kill();
  return startServe({ layout: AWAY_LAYOUT, state: server.state, port: server.port });
}

/** Whether the last event of each publisher has come. */
function isAtEnd(reader: ResumingReader, published: readonly number[]): boolean {
  const missing = new Set(published.map((number, publisher) => `${publisher} ${number}`));
  for (const { events } of reader.frames.slice(-TAIL_FRAMES)) {
    for (const event of events) missing.delete(numberedOf(event).join(" "));
  }
  return missing.size === 0;
}
