/** Shell commands that run for a while, as documents have them. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";

export interface ShellProcess {
  readonly process: ChildProcess;
  /** Resolves to the first match in what it prints on either stream. Rejects when it ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts a shell command in a process group of its own, so that what it starts can be ended with it. */
export function startShell(command: string, env: NodeJS.ProcessEnv = process.env): ShellProcess {
  const child = spawn("bash", ["-c", command], {
    cwd: PACKAGE_ROOT,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let wake = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
      wake();
    });
  }
  child.once("close", () => wake());
  return {
    process: child,
    until: async (pattern) => {
      for (;;) {
        const found = pattern.exec(output);
        if (found !== null) return found;
        if (child.exitCode !== null)
          throw new Error(`${command} ended without ${pattern.source}:\n${output}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** Ends it as Ctrl-C does. */
export async function stopShell({ process: child }: ShellProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid!, "SIGINT");
  await once(child, "close");
}
