/** The fabric beside NATS, a partyserver room and bare relays: the same events, in turn, in one run. See README.md. */
import { fileURLToPath } from "node:url";
import { compare, rateChart } from "../compare.ts";
import { CASES } from "../fabric/cases.ts";
import { startWorkerRelay, WINDOW } from "../fabric/throughput.ts";
import { startLoadProcess, type LoadProcess } from "../load/load-process.ts";
import type { LoadShape, LoadTarget } from "../load/plan.ts";
import { runRounds, targetOf } from "../load/rounds.ts";
import { startFabricServer, startWorkerServer, using, type Server } from "../server.ts";
import { merged, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";
import { startNatsServer } from "./nats-server.ts";

const PARTY_ROOM = fileURLToPath(import.meta.resolve("./party-room.ts"));
const BARE_RELAY = fileURLToPath(import.meta.resolve("../json-v1/bare-relay.ts"));

interface Peer {
  readonly name: string;
  readonly start: () => Promise<Server>;
  readonly dialect: LoadTarget["dialect"];
  /** Whether every message holds one event, because that is what its sender makes of it. */
  readonly isSingle?: boolean;
  /** Bound on the fabric's events per second divided by this peer's. */
  readonly budget?: Omit<Ratio, "value">;
}

/** Events on their way from all publishers together, where each is a message. */
const SINGLE_WINDOW = 256;

/** Ours first. */
const PEERS: readonly Peer[] = [
  { name: "fabric, SDK", start: startFabricServer, dialect: "sdk" },
  { name: "fabric, frames", start: startFabricServer, dialect: "native" },
  // The goal is to be ahead; less than this does not ship.
  { name: "nats", start: startNatsServer, dialect: "nats", budget: { min: 0.7 } },
  {
    name: "partyserver",
    start: () => startWorkerServer(PARTY_ROOM, "Room", "Room"),
    dialect: "party",
    isSingle: true,
  },
  { name: "relay, 50 a frame", start: startWorkerRelay, dialect: "relay" },
  {
    name: "relay, single",
    start: () => startWorkerServer(BARE_RELAY, "RELAY", "BareRelay"),
    dialect: "relay",
    isSingle: true,
  },
];
const OWN = 2;
/** Programs that make each event of values, and read the values of each: one codec on both sides. */
const READERS: readonly Peer[] = [
  { name: "fabric, SDK", start: startFabricServer, dialect: "sdk-args" },
  { name: "nats, same codec", start: startNatsServer, dialect: "nats-args", budget: { min: 0.7 } },
];
const NAMES = ["1→1", "4→4", "1→50"];

/** Runs the cases. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const load = startLoadProcess();
  const results: BenchResult[] = [];
  try {
    for (const { name, shape } of CASES) {
      if (!NAMES.includes(name) || !name.includes(options.only ?? "")) continue;
      results.push(await compareCase({ name, shape, peers: PEERS, own: OWN }, load, options));
      const read = { name: `${name}, arguments read`, shape, peers: READERS, own: 1 };
      results.push(await compareCase(read, load, options));
    }
  } finally {
    load.close();
  }
  const result = merged(results);
  if (options.only !== undefined) return result;
  const sides = PEERS.map((peer) => peer.name);
  return { ...result, charts: { "peers.svg": rateChart("Beside other brokers", result, NAMES, sides) } };
}

interface PeersCase {
  readonly name: string;
  readonly shape: LoadShape;
  readonly peers: readonly Peer[];
  /** How many of the first peers are the fabric. */
  readonly own: number;
}

function compareCase(
  { name, shape, peers, own }: PeersCase,
  load: LoadProcess,
  options: BenchOptions,
): Promise<BenchResult> {
  const { seconds, pairs: rounds, print } = options;
  return using(
    peers.map((peer) => peer.start),
    async (servers) => {
      const targets = servers.map((server, i) => {
        const { dialect, isSingle = false } = peers[i]!;
        const target = targetOf(server, dialect);
        if (!isSingle) return target;
        return { ...target, shape: { events: 1 }, window: SINGLE_WINDOW / (shape.groups * shape.publishers) };
      });
      const results = await runRounds(load, targets, shape, { window: WINDOW, seconds, rounds });
      const sides = peers.map((peer, i) => ({
        name: peer.name,
        results: results.map((round) => round[i]!),
        ...(peer.budget && { budget: peer.budget }),
      }));
      return compare({ name, isTimed: false, sides, own, print });
    },
  );
}
