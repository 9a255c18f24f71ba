/** CPU time and memory of a process, from /proc (Linux). */
import { readFileSync } from "node:fs";

/** Linux reports CPU time to user space in these, whatever its own tick. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that all threads of a process have used, in user and kernel mode. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory now and at its highest, MiB. */
export function memoryMiB(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** The fields of /proc/PID/stat behind the command's name, which may hold blanks: state first, then the parent. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}
