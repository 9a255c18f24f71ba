/** `--profile`: where the fabric's JavaScript spends its time under a load. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleWorker, readWorkerConfig } from "../../src/cli/bundle.ts";
import type { LoadProcess } from "../load/load-process.ts";
import type { LoadShape, LoadTarget } from "../load/plan.ts";
import { freePort } from "../free-port.ts";
import { planOf, targetOf } from "../load/rounds.ts";
import { startFabricServer } from "../server.ts";
import { profileWhile } from "./inspector.ts";
import { sourceOfBundle, topLines } from "./top.ts";

const TOP_FUNCTIONS = 40;

export interface ProfiledLoad {
  /** Subject and case. */
  readonly name: string;
  readonly dialect: LoadTarget["dialect"];
  readonly shape: LoadShape;
  readonly window: number;
  readonly seconds: number;
  /** Folder for the profile. */
  readonly dir: string;
  readonly print: (line: string) => void;
}

/** Loads a fresh fabric, writes the profile and prints the functions on top. Returns the events lost. */
export async function profileFabric(load: LoadProcess, options: ProfiledLoad): Promise<number> {
  const { name, shape, window, seconds } = options;
  const inspectorPort = await freePort();
  const fabric = await startFabricServer({ inspectorPort });
  try {
    const targets = [targetOf(fabric, options.dialect)];
    // Until the compilers have seen the hot path.
    await load.run(planOf(targets, { ...shape, rate: 0 }, window, seconds));
    let lost = 0;
    const { name: worker, main } = await readWorkerConfig();
    const profile = await profileWhile(inspectorPort, worker, async () => {
      const [result] = await load.run(planOf(targets, shape, window, seconds));
      lost = result!.lost + result!.disordered;
    });
    const file = join(options.dir, `${name.replace(/\W+/g, "-")}.cpuprofile`);
    await mkdir(options.dir, { recursive: true });
    await writeFile(file, JSON.stringify(profile));
    options.print(`\n${name}: ${file}`);
    const sourceOf = sourceOfBundle(bundleWorker(main));
    for (const line of topLines(profile, sourceOf, TOP_FUNCTIONS)) options.print(line);
    return lost;
  } finally {
    await fabric.close();
  }
}
