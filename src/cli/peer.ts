/** `selvedge peer`: carries chosen topics between two fabrics, each of which knows nothing of the other. */
import type { CAC } from "cac";
import { randomBytes } from "node:crypto";
import { FabricError } from "../base/errors.ts";
import { originIdOf } from "../peering/origin-id.ts";
import { DialledPeering, type PeeringTold } from "../peering/dial.ts";
import { Peering } from "../peering/peering.ts";
import { parsePrefix } from "../protocol/topic.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { optionTexts } from "./option-texts.ts";
import { PeerStateFile } from "./peer-state.ts";
import { targetOf, type TargetOptions } from "./target.ts";
import { untilSignal } from "./until-signal.ts";

const SAVE_MS = 500;

interface PeerOptions extends TargetOptions {
  readonly peerToken?: string;
  readonly state: string;
}

export function registerPeer(cli: CAC): void {
  cli
    .command(
      "peer <other>",
      "Carry topics between the fabric (--url) and another one, until a signal ends it",
    )
    .option("--to <prefix>", "Topics that go from here to the other; may be repeated")
    .option("--from <prefix>", "Topics that come from the other to here; may be repeated")
    .option("--peer-token <token>", "Token at the other fabric (SELVEDGE_PEER_TOKEN)")
    .option("--state <dir>", "Folder that remembers where the peering stood", { default: "./.selvedge-peer" })
    .example("selvedge peer https://hq.example.com --to zeek/notice/ --from zeek/intel/")
    .example("selvedge token create --peer --publish zeek/notice/ --subscribe zeek/intel/")
    .action((other: string, options: PeerOptions) => peer(other, options, process.argv.slice(2)));
}

async function peer(other: string, options: PeerOptions, argv: readonly string[]): Promise<number> {
  const [to, from] = [optionTexts(argv, "to").map(parsePrefix), optionTexts(argv, "from").map(parsePrefix)];
  if (to.length + from.length === 0)
    throw new UsageError('say what to carry: --to, --from; "" is every topic');
  const peerToken = options.peerToken ?? process.env["SELVEDGE_PEER_TOKEN"];
  const targets = {
    left: targetOf(options),
    right: targetOf({ url: other, ...(peerToken === undefined ? { token: "" } : { token: peerToken }) }),
  };
  const file = new PeerStateFile(String(options.state), [targets.left.url, targets.right.url]);
  const state = file.read();
  const side = (topics: typeof to, positions: typeof state.left) => ({
    instance: randomBytes(16).toString("latin1"),
    topics,
    positions,
  });
  const peering = new Peering({
    left: side(to, state.left),
    right: side(from, state.right),
    originIdOf,
  });
  const failed = Promise.withResolvers<FabricError | undefined>();
  let missed = false;
  const dialled = new DialledPeering(peering, targets, (told) => {
    if (told.type === "failed") return failed.resolve(told.error);
    if (told.type === "subscribed") save();
    missed ||= told.type === "gap" || told.type === "refused";
    print(told, options.json ?? false);
  });
  const save = () =>
    file.write({ left: [...peering.positionsOf("left")], right: [...peering.positionsOf("right")] });
  const timer = setInterval(save, SAVE_MS);
  dialled.start();
  const error = await Promise.race([failed.promise, untilSignal()]);
  clearInterval(timer);
  dialled.close();
  save();
  file.close();
  const counts = { to: peering.countsOf("left"), from: peering.countsOf("right") };
  if (options.json) console.log(JSON.stringify({ event: "ended", ...counts }));
  else
    console.error(
      `selvedge: carried ${counts.to.carried} events to ${other}, and ${counts.from.carried} from it`,
    );
  if (error !== undefined) return reportError(error, options.json ?? false);
  return missed ? EXIT.partial : EXIT.ok;
}

function print(told: Exclude<PeeringTold, { type: "failed" }>, isJson: boolean): void {
  if (isJson) {
    const { type, ...rest } = told;
    return console.log(JSON.stringify({ event: type, ...rest }));
  }
  console.error(`selvedge: ${sentenceOf(told)}`);
}

function sentenceOf(told: Exclude<PeeringTold, { type: "failed" }>): string {
  const here = (side: "left" | "right") => (side === "left" ? "the fabric here" : "the other fabric");
  switch (told.type) {
    case "peer_added":
      return `peer added: '${told.left}' here, '${told.right}' there`;
    case "subscribed":
      return `subscribed at ${here(told.side)}`;
    case "peer_lost":
      return `peer lost: no connection to ${here(told.side)}; trying again`;
    case "gap": {
      const { extent, from, to, reason } = told.gap;
      const range = extent === "exact" ? `${to.seq - from.seq} frames` : "an unknown number of frames";
      return `events of ${here(told.side)} were missed: ${range} of ${to.router}${reason === undefined ? "" : ` (${reason})`}`;
    }
    case "refused":
      return `events of ${here(told.side)} were refused: ${told.error.message}`;
  }
}
