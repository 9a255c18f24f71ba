#!/usr/bin/env node
/** The command `selvedge`: one file per subcommand, wired here. */
import { cac } from "cac";
import { registerCluster } from "./cluster.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { registerFiles } from "./files.ts";
import { registerFlow } from "./flow.ts";
import { registerLedger } from "./ledger.ts";
import { registerLogs } from "./logs.ts";
import { registerPeer } from "./peer.ts";
import { registerNode } from "./node.ts";
import { registerPub } from "./pub.ts";
import { registerServe } from "./serve.ts";
import { registerShip } from "./ship.ts";
import { registerSub } from "./sub.ts";
import { declareTarget } from "./target.ts";
import { registerToken } from "./token.ts";
import { VERSION } from "./version.ts";

/** Commands of two words; cac knows commands of one, so their words are joined before it looks. */
const GROUPS = new Set(["cluster", "files", "flow", "logs", "token"]);

/** cac says "(default: true)" behind every `--no-…`, which reads as if the thing were off. */
function withoutNegatedDefaults(sections: { title?: string; body: string }[]): typeof sections {
  return sections.map((section) => ({
    ...section,
    body: section.body.replace(/^( *--no-.*?) \(default: true\)$/gm, "$1"),
  }));
}

async function main(argv: readonly string[]): Promise<number> {
  const cli = cac("selvedge");
  declareTarget(cli);
  registerServe(cli);
  registerSub(cli);
  registerPub(cli);
  registerNode(cli);
  registerPeer(cli);
  registerShip(cli);
  registerLogs(cli);
  registerFiles(cli);
  registerCluster(cli);
  registerLedger(cli);
  registerFlow(cli);
  registerToken(cli);
  cli.help(withoutNegatedDefaults);
  cli.version(VERSION);
  const [first, second, ...rest] = argv;
  const isGroup = first !== undefined && GROUPS.has(first) && second !== undefined && !second.startsWith("-");
  try {
    cli.parse(["node", "selvedge", ...(isGroup ? [`${first} ${second}`, ...rest] : argv)], { run: false });
    if (cli.options["help"] || cli.options["version"]) return EXIT.ok;
    if (cli.matchedCommand === undefined) {
      if (first === undefined) {
        cli.outputHelp();
        return EXIT.usage;
      }
      const names = cli.commands
        .map((command) => command.name)
        .filter((name) => name.startsWith(`${first} `));
      throw new UsageError(names.length > 0 ? `say ${names.join(", ")}` : `there is no command \`${first}\``);
    }
    return ((await cli.runMatchedCommand()) as number | undefined) ?? EXIT.ok;
  } catch (error) {
    return reportError(error, argv.includes("--json"));
  }
}

process.exitCode = await main(process.argv.slice(2));
