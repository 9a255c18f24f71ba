/** CPU time and memory of a process, from /proc (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU seconds that the threads of a process have used, in user and kernel mode. By the scheduler's own clock: the ticks
 * of /proc/PID/stat are too coarse for a slice of a lightly loaded server.
 */
export function cpuSeconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let ns = 0;
  for (const thread of readdirSync(tasks)) ns += onCpuNs(`${tasks}/${thread}/schedstat`);
  return ns / 1e9;
}

function onCpuNs(file: string): number {
  try {
    return Number(readFileSync(file, "latin1").split(" ")[0]);
  } catch {
    return 0; // the thread has ended meanwhile
  }
}

/** Resident memory now and at its highest, MiB. */
export function memoryMiB(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}
