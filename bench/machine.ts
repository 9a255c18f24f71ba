/** What the figures depend on: machine, versions, commit, and how fast the machine is just now. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly commit: string;
}

/** The machine and the state of the source, `+` behind the commit when files differ from it. */
export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    commit: git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+"),
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown"; // not a checkout
  }
}

/**
 * Time of one dependent multiply and add, nanoseconds: about 1.3 on a quiet 3 GHz core. A virtual machine whose host is
 * busy shows several times that, and all absolute figures shrink with it; ratios of runs in turn do not.
 */
export function stepNs(): number {
  const steps = 2e7;
  let x = 1;
  const start = performance.now();
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 31) + i) | 0;
  const ms = performance.now() - start;
  return x === 0.5 ? 0 : (ms * 1e6) / steps;
}
