/** The folder where a local fabric keeps its state. One serve at a time. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { array, number, object, parse, string, type InferOutput } from "valibot";
import { FabricError } from "../base/errors.ts";
import { tryLock } from "./file-lock.ts";
import { liveRuntimePids } from "./processes.ts";

const LOCK_FILE = "serve.lock";
const HOLDER_FILE = "serve.json";
const ORPHAN_WAIT_MS = 5_000;
const ORPHAN_POLL_MS = 20;

/** Who holds the folder, for messages and for the next serve. */
const Holder = object({ pid: number(), url: string(), runtime: array(number()) });

export interface StateDir {
  /** Where the runtime keeps databases and buckets, absolute. */
  readonly resources: string;
  /** Writes down who serves from here. */
  hold(url: string, runtime: readonly number[]): void;
  /** Gives the folder free. */
  release(): void;
}

/**
 * Makes and locks the folder; `fresh` empties it first. Waits until the runtime of a killed predecessor is gone. Throws
 * `in_use` when another serve holds it.
 */
export async function openStateDir(path: string, fresh: boolean): Promise<StateDir> {
  const root = resolve(path);
  mkdirSync(root, { recursive: true });
  const lock = tryLock(join(root, LOCK_FILE));
  if (lock === undefined) {
    const holder = holderOf(root);
    const who = holder === undefined ? "another serve" : `the serve with pid ${holder.pid} at ${holder.url}`;
    throw new FabricError("in_use", `${root} is in use by ${who}; end it, or pass another --state`);
  }
  const holderFile = join(root, HOLDER_FILE);
  try {
    await outliveOrphans(root);
    if (fresh) {
      for (const entry of readdirSync(root)) {
        if (!entry.startsWith(LOCK_FILE)) rmSync(join(root, entry), { recursive: true });
      }
    }
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    resources: join(root, "resources"),
    hold: (url, runtime) => {
      writeFileSync(holderFile, `${JSON.stringify({ pid: process.pid, url, runtime })}\n`);
    },
    release: () => {
      rmSync(holderFile, { force: true });
      lock.close();
    },
  };
}

/** Who serves from the folder, or did when it was killed. */
export function holderOf(root: string): InferOutput<typeof Holder> | undefined {
  try {
    return parse(Holder, JSON.parse(readFileSync(join(root, HOLDER_FILE), "utf8")));
  } catch {
    return undefined; // None yet, or killed half way through writing it: it only serves messages and the wait below.
  }
}

/** Two runtimes on the same databases would ruin them, so the guard of a killed serve must have done its work. */
async function outliveOrphans(root: string): Promise<void> {
  const runtime = holderOf(root)?.runtime ?? [];
  for (let waitedMs = 0; liveRuntimePids(runtime).length > 0; waitedMs += ORPHAN_POLL_MS) {
    if (waitedMs >= ORPHAN_WAIT_MS) {
      const pids = liveRuntimePids(runtime).join(", ");
      throw new FabricError(
        "in_use",
        `the runtime of an earlier serve still uses ${root}: end process ${pids}`,
      );
    }
    await sleep(ORPHAN_POLL_MS);
  }
}
