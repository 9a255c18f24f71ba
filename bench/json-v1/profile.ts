/** `--profile`: where the fabric's JavaScript spends its time under a case's load. */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { bundleWorker, readWorkerConfig } from "../../src/cli/bundle.ts";
import type { LoadProcess } from "../load/load-process.ts";
import { profileWhile } from "../profile/inspector.ts";
import { sourceOfBundle, topLines } from "../profile/top.ts";
import { startFabricServer } from "../server.ts";
import type { BenchOptions } from "../subject.ts";
import type { Case } from "./cases.ts";
import { planOf, targetOf } from "./pair.ts";

const TOP_FUNCTIONS = 40;

/** Loads the fabric once, writes the profile to `file` and prints the functions on top. Returns the events lost. */
export async function profileCase(
  subject: Case,
  load: LoadProcess,
  file: string,
  options: BenchOptions,
): Promise<number> {
  const inspectorPort = await freePort();
  const fabric = await startFabricServer({ inspectorPort });
  try {
    const plan = planOf(subject, [targetOf(fabric, "json-v1")], options.seconds);
    await load.run({ ...plan, shape: { ...plan.shape, rate: 0 } }); // until the compilers have seen the hot path
    let lost = 0;
    const { name, main } = await readWorkerConfig();
    const profile = await profileWhile(inspectorPort, name, async () => {
      const [result] = await load.run(plan);
      lost = result!.lost + result!.disordered;
    });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(profile));
    options.print(`\n${subject.name}: ${file}`);
    const sourceOf = sourceOfBundle(bundleWorker(main));
    for (const line of topLines(profile, sourceOf, TOP_FUNCTIONS)) options.print(line);
    return lost;
  } finally {
    await fabric.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
