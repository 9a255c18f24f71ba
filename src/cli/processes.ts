/**
 * The runtime's processes: finding them, and a guard that ends them when this process dies without a chance to. workerd
 * lives on when its parent is killed, and then holds the port and the databases.
 */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

/** All processes of this machine: from /proc where there is one, else from ps. */
function processes(): readonly ProcessEntry[] {
  if (process.platform === "linux") {
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .flatMap((pid) => statOf(Number(pid)));
  }
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,comm="], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const [, pid, parent, name] = /^\s*(\d+)\s+(\d+)\s+(.+)$/.exec(line) ?? [];
      return name === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), name }];
    });
}

/** The name in /proc stands in parentheses and may hold any character; a zombie has ended. */
function statOf(pid: number): ProcessEntry[] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return []; // It ended while we looked.
  }
  const end = stat.lastIndexOf(")");
  const [state, parent] = stat.slice(end + 2).split(" ");
  return state === "Z" ? [] : [{ pid, parent: Number(parent), name: stat.slice(stat.indexOf("(") + 1, end) }];
}

const isRuntime = (entry: ProcessEntry) => entry.name.endsWith("workerd");

/** Pids of the workerd processes that this process has started. */
export function runtimePids(): readonly number[] {
  return processes()
    .filter((entry) => entry.parent === process.pid && isRuntime(entry))
    .map((entry) => entry.pid);
}

/** Which of the pids are workerd processes still alive. */
export function liveRuntimePids(pids: readonly number[]): readonly number[] {
  if (pids.length === 0) return [];
  return processes()
    .filter((entry) => pids.includes(entry.pid) && isRuntime(entry))
    .map((entry) => entry.pid);
}

/** Ends what it was last told to watch, as soon as this process is gone. */
export interface Guard {
  /** Replaces the pids to end. */
  watch(pids: readonly number[]): void;
  /** Sends the guard home: nothing is ended any more. */
  release(): void;
}

/**
 * Starts the guard: a shell that reads from a pipe whose other end only this process holds, so that the end of this
 * process, however violent, is the end of its input. It stands in a session of its own, out of reach of Ctrl-C.
 */
export function startGuard(): Guard {
  const shell = spawn(
    "/bin/sh",
    ["-c", 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -9 $pids 2>/dev/null'],
    { stdio: ["pipe", "ignore", "ignore"], detached: true },
  );
  shell.unref();
  const input = shell.stdin;
  // A guard that was itself killed must not take the fabric down with EPIPE.
  input.on("error", () => {});
  if ("unref" in input && typeof input.unref === "function") input.unref();
  return {
    watch: (pids) => input.write(`${pids.join(" ")}\n`),
    release: () => input.end("\n"),
  };
}
