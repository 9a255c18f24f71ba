/**
 * `npm run bench [-- SUBJECT…]`. Exit status 1 when an event was lost, and with --strict also when a budget is missed;
 * 2 for a wrong command line.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run as cost } from "./cost/main.ts";
import { run as fabric } from "./fabric/main.ts";
import { run as joins } from "./joins/main.ts";
import { run as jsonV1 } from "./json-v1/main.ts";
import { run as peers } from "./peers/main.ts";
import { run as pools } from "./pools/main.ts";
import { machine, stepNs } from "./machine.ts";
import { isWithin, type BenchResult, type Subject } from "./subject.ts";

const SUBJECTS: Readonly<Record<string, Subject>> = { "json-v1": jsonV1, fabric, peers, pools, joins, cost };

const CHARTS = join(import.meta.dirname, "../docs/bench");

const USAGE = `npm run bench -- [SUBJECT…] [options]      subjects: ${Object.keys(SUBJECTS).join(", ")}
  --pairs N      pairs of runs, medians of which are reported (7)
  --seconds S    measured time of each server in each pair (1.5)
  --only TEXT    only cases whose name contains TEXT
  --strict       a missed budget is a failure
  --json         one object of figures and ratios as the last line
  --charts       write docs/bench/*.svg of what was measured
  --profile      CPU profiles of the fabric's JavaScript instead of figures
  --out DIR      where profiles go (.selvedge/profiles)
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const about = { ...machine(), stepNs: Number(stepNs().toFixed(2)) };
  console.log(
    `${about.cores} x ${about.cpu}, ${about.stepNs} ns a step, Node ${about.node}, commit ${about.commit}`,
  );
  const subjects: Record<string, BenchResult> = {};
  for (const name of options.subjects) {
    console.log(`\n# ${name}`);
    subjects[name] = await SUBJECTS[name]!({ ...options, print: (line) => console.log(line) });
  }
  if (options.charts) for (const result of Object.values(subjects)) await writeCharts(result);
  const lost = Object.values(subjects).reduce((n, result) => n + result.lost, 0);
  const missed = Object.entries(subjects).flatMap(([subject, { ratios }]) =>
    Object.entries(ratios).flatMap(([name, ratio]) => (isWithin(ratio) ? [] : [`${subject} ${name}`])),
  );
  console.log(`\nlost ${lost}; budgets missed: ${missed.join(", ") || "none"}`);
  if (options.json) {
    const isFigure = (key: string, value: unknown) => (key === "charts" ? undefined : value);
    console.log(JSON.stringify({ machine: about, subjects, lost, missed }, isFigure));
  }
  return lost > 0 || (options.strict && missed.length > 0) ? 1 : 0;
}

async function writeCharts({ charts = {} }: BenchResult): Promise<void> {
  for (const [file, svg] of Object.entries(charts)) await writeFile(join(CHARTS, file), svg);
}

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        pairs: { type: "string", default: "7" },
        seconds: { type: "string", default: "1.5" },
        only: { type: "string" },
        out: { type: "string", default: ".selvedge/profiles" },
        profile: { type: "boolean", default: false },
        charts: { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const pairs = Number(values.pairs);
    const seconds = Number(values.seconds);
    const isKnown = positionals.every((name) => Object.hasOwn(SUBJECTS, name));
    if (!isKnown || !Number.isInteger(pairs) || pairs < 1 || !(seconds > 0)) return undefined;
    return {
      subjects: positionals.length > 0 ? positionals : Object.keys(SUBJECTS),
      pairs,
      seconds,
      only: values.only,
      profileDir: values.profile ? values.out : undefined,
      charts: values.charts,
      strict: values.strict,
      json: values.json,
    };
  } catch {
    return undefined; // an option that does not exist
  }
}
