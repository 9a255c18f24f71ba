/** Local fabrics for tests: as a process of its own that can be killed, or inside the test's process. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startFabric, type Fabric, type FabricOptions } from "../../src/cli/fabric.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { liveRuntimePids } from "../../src/cli/processes.ts";
import { holderOf } from "../../src/cli/state-dir.ts";

const READY = /^ready (http:\/\/\S+)$/m;
const POLL_MS = 10;

/** The path of the command. */
export const CLI = join(PACKAGE_ROOT, "src/cli/main.ts");

export interface ServeOptions {
  /** Folder of the state; by default a new one that `stop` and `dispose` remove. */
  readonly state?: string;
  /** A layout in the form of src/site/layout.ts. */
  readonly layout?: unknown;
  /** By default 0: any free one. Pass the port of a killed serve to come back under the same URL. */
  readonly port?: number;
  readonly fresh?: boolean;
  /** Further command line. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServeProcess {
  readonly url: string;
  /** `url` with the scheme ws. */
  readonly wsUrl: string;
  readonly port: number;
  readonly state: string;
  readonly pid: number;
  /** workerd's processes as they were when it became ready. */
  readonly runtimePids: readonly number[];
  /** Everything printed so far. */
  output(): string;
  /** SIGKILL to serve and its workerd together; resolves when both are gone. State stays. */
  kill(): Promise<void>;
  /** SIGKILL to serve alone; resolves when it is gone. */
  killServeOnly(): Promise<void>;
  /** SIGTERM (or another signal) and the exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Ends it if it still runs and removes a state folder that was made here. For `afterEach`. */
  dispose(): Promise<void>;
}

/** A new empty folder under the system's temporary one. */
export function tempDir(name = "selvedge"): string {
  return mkdtempSync(join(tmpdir(), `${name}-`));
}

/** Starts `selvedge serve` as users do and waits for its ready line. Throws with its output when it ends before. */
export async function startServe(options: ServeOptions = {}): Promise<ServeProcess> {
  const state = options.state ?? tempDir("selvedge-state");
  const args = ["serve", "--port", String(options.port ?? 0), "--state", state, ...(options.args ?? [])];
  if (options.fresh) args.push("--fresh");
  if (options.layout !== undefined) {
    const file = join(tempDir("selvedge-layout"), "layout.json");
    writeFileSync(file, JSON.stringify(options.layout));
    args.push("--layout", file);
  }
  const { SELVEDGE_KEY: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: PACKAGE_ROOT,
    env: { ...inherited, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that one signal reaches serve and workerd together.
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => (output += text));
  }
  const url = await readyUrl(child, () => output);
  const runtimePids = holderOf(state)?.runtime ?? [];
  const gone = async () => {
    await exited(child);
    while (liveRuntimePids(runtimePids).length > 0) await sleep(POLL_MS);
  };
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
    await gone();
  };
  return {
    url,
    wsUrl: url.replace(/^http/, "ws"),
    port: Number(new URL(url).port),
    state,
    pid: child.pid!,
    runtimePids,
    output: () => output,
    kill,
    killServeOnly: async () => {
      child.kill("SIGKILL");
      await exited(child);
    },
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await exited(child);
      return child.exitCode;
    },
    dispose: async () => {
      await kill();
      if (options.state === undefined) rmSync(state, { recursive: true, force: true });
    },
  };
}

async function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  for (;;) {
    const url = READY.exec(output())?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`serve ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
    }
    await sleep(POLL_MS);
  }
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Starts a fabric in this process, open, on a free port, with a new state folder; `close` removes the folder. */
export async function startInProcess(options: Partial<FabricOptions> = {}): Promise<Fabric> {
  const stateDir = options.stateDir ?? tempDir("selvedge-state");
  const fabric = await startFabric({ port: 0, open: true, ...options, stateDir });
  return {
    url: fabric.url,
    get pids() {
      return fabric.pids;
    },
    close: async () => {
      await fabric.close();
      if (options.stateDir === undefined) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
