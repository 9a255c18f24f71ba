#!/usr/bin/env node
/** The command `selvedge`: one file per subcommand, wired here. */
import { cac } from "cac";
import { VERSION } from "./version.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { registerServe } from "./serve.ts";

/** Commands of two words; cac knows commands of one, so their words are joined before it looks. */
const GROUPS = new Set(["logs", "token"]);

async function main(argv: readonly string[]): Promise<number> {
  const cli = cac("selvedge");
  cli.option("--json", "Machine-readable output");
  registerServe(cli);
  cli.help();
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
      throw new UsageError(`there is no command \`${isGroup ? `${first} ${second}` : first}\``);
    }
    return ((await cli.runMatchedCommand()) as number | undefined) ?? EXIT.ok;
  } catch (error) {
    return reportError(error, argv.includes("--json"));
  }
}

process.exitCode = await main(process.argv.slice(2));
