/** The command line as users run it: a process of its own. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { CLI } from "./fabric.ts";

const POLL_MS = 10;

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Text for standard input, which then ends. */
  readonly input?: string;
  /** By default that of this repository. */
  readonly cwd?: string;
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves when the text is in standard output or error. Throws when the process ends before. */
  until(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  done(): Promise<CliResult>;
}

/** Starts the command. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  return startNode(CLI, args, options);
}

/** Starts a program of this repository. */
export function startNode(file: string, args: readonly string[], options: CliOptions = {}): CliProcess {
  const { SELVEDGE_KEY: _key, SELVEDGE_TOKEN: _token, SELVEDGE_URL: _url, ...inherited } = process.env;
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(process.execPath, [file, ...args], {
    cwd: options.cwd ?? PACKAGE_ROOT,
    env: { ...inherited, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const closed = once(child, "close");
  return {
    pid: child.pid!,
    stdout: () => stdout,
    stderr: () => stderr,
    until: async (text) => {
      while (!stdout.includes(text) && !stderr.includes(text)) {
        if (child.exitCode !== null)
          throw new Error(`ended with ${child.exitCode} before "${text}":\n${stdout}${stderr}`);
        await sleep(POLL_MS);
      }
    },
    signal: (signal) => child.kill(signal),
    done: async () => {
      await closed;
      return { status: child.exitCode, stdout, stderr };
    },
  };
}

/** Runs the command to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).done();
}
