/** Servers under test: each a workerd of its own, reached by its direct socket, with the same compatibility flags. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundleWorker, readWorkerConfig } from "../src/cli/bundle.ts";
import { startFabric } from "../src/cli/fabric.ts";
import { runtimePids } from "../src/cli/processes.ts";

const PACKAGE_ROOT = join(import.meta.dirname, "..");

export interface Server {
  readonly origin: string;
  /** Process id of its workerd. */
  readonly pid: number;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Port for the V8 inspector; without one it is off. */
  readonly inspectorPort?: number;
  /** As in `startFabric`. */
  readonly main?: string;
  readonly layout?: unknown;
}

/** Starts the fabric on an empty state folder, open, as `selvedge serve` runs it. */
export async function startFabricServer(options: ServerOptions = {}): Promise<Server> {
  const stateDir = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
  const remove = () => rm(stateDir, { recursive: true, force: true });
  try {
    return await startTracked(async () => {
      const fabric = await startFabric({ port: 0, stateDir, open: true, ...options });
      return { origin: fabric.url, close: () => fabric.close().then(remove) };
    });
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Starts a one-file Worker with one object class, bound as `binding`. `file` is an absolute path. */
export async function startWorkerServer(file: string, binding: string, className: string): Promise<Server> {
  const { compatibilityDate, compatibilityFlags } = await readWorkerConfig();
  const contents = bundleWorker(file);
  return startTracked(async () => {
    const miniflare = new Miniflare({
      host: "127.0.0.1",
      port: 0,
      logRequests: false,
      telemetry: { enabled: false },
      cf: false,
      workers: [
        {
          config: {
            name: "bare",
            compatibilityDate,
            compatibilityFlags: [...compatibilityFlags],
            manifest: {
              mainModule: "index.mjs",
              modulesRoot: PACKAGE_ROOT,
              modules: { "index.mjs": { type: "esm", contents } },
            },
            env: { [binding]: { type: "durable-object", worker: "bare", exportName: className } },
            exports: { [className]: { type: "durable-object", storage: "sqlite" } },
          },
          dev: { rootPath: PACKAGE_ROOT, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] },
        },
      ],
    });
    await miniflare.ready;
    const url = await miniflare.unsafeGetDirectURL("bare");
    return { origin: url.origin, close: () => miniflare.dispose() };
  });
}

/** The runtime gives no process id, so it is the one that was not there before. */
async function startTracked(start: () => Promise<Omit<Server, "pid">>): Promise<Server> {
  const before = runtimePids();
  const server = await start();
  const pid = runtimePids().find((candidate) => !before.includes(candidate));
  if (pid === undefined)
    throw new Error("the server's workerd did not show up among this process's children");
  return { ...server, pid };
}

/** Starts servers one after another, runs `work` with them, and closes them whatever happens. */
export async function using<T>(
  starts: readonly (() => Promise<Server>)[],
  work: (servers: readonly Server[]) => Promise<T>,
): Promise<T> {
  const servers: Server[] = [];
  try {
    for (const start of starts) servers.push(await start());
    return await work(servers);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}
