/** The whole fabric on this machine: the deployed Worker on workerd, driven by miniflare, state on disk. */
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare, type MiniflareOptions } from "miniflare";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { parseKeys } from "../protocol/access.ts";
import { bundleWorker, readWorkerConfig, type WorkerConfig } from "./bundle.ts";
import { PACKAGE_ROOT } from "./package-root.ts";
import { runtimePids, startGuard, type Guard } from "./processes.ts";
import { signToken } from "./sign-token.ts";
import { openStateDir, type StateDir } from "./state-dir.ts";

/** Serves the static files, and only that. */
const ASSETS_WORKER = "static-files";
const HEALTHY_WITHIN_MS = 15_000;
const HEALTH_POLL_MS = 25;

export interface FabricOptions {
  /** Address to bind, by default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Folder of the state; made when missing. */
  readonly stateDir: string;
  /** Start from nothing: empties the folder. */
  readonly fresh?: boolean;
  /** A layout in the form of src/site/layout.ts; without it that one holds. */
  readonly layout?: unknown;
  /** The key that tokens are signed with. Without one, and not open, the fabric refuses everybody. */
  readonly key?: string;
  /** Whether requests need no token. Only for a loopback address. */
  readonly open: boolean;
  /** Module to run in place of wrangler.toml's main; it exports the same classes. */
  readonly main?: string;
  /** Further variables of the Worker. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Port of workerd's V8 inspector, on 127.0.0.1. Off without one: it slows the runtime down. */
  readonly inspectorPort?: number;
}

export interface Fabric {
  /** Without a slash at its end. Peers reach the Worker's own socket there. */
  readonly url: string;
  /** The processes of the runtime now. */
  readonly pids: readonly number[];
  /** Asks all peers to go, ends the runtime and frees the folder. */
  close(): Promise<void>;
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Starts the fabric and waits until it answers. Throws `in_use` when the folder or the port is in use, `forbidden`
 * when it would be open to other machines.
 */
export async function startFabric(options: FabricOptions): Promise<Fabric> {
  const host = options.host ?? "127.0.0.1";
  if (options.open && !isLoopback(host)) {
    throw new FabricError(
      "forbidden",
      `${host} can be reached by others, so the fabric needs a key there: set SELVEDGE_KEY`,
    );
  }
  const port = await freePort(host, options.port);
  const state = await openStateDir(options.stateDir, options.fresh ?? false);
  const guard = startGuard();
  let miniflare: Miniflare | undefined;
  let url: string | undefined;
  const close = async () => {
    if (url !== undefined) await askPeersToGo(url, options.key);
    await miniflare?.dispose();
    guard.release();
    state.release();
  };
  try {
    const config = await readWorkerConfig();
    const script = bundleWorker(options.main ?? config.main);
    const origin = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const onRestart = () => keepTrack(guard, state, origin);
    miniflare = new Miniflare(runtimeOptions(options, config, script, { host, port }, state, onRestart));
    await miniflare.ready;
    keepTrack(guard, state, origin);
    await healthy(origin);
    url = origin;
    return {
      url: origin,
      close,
      get pids() {
        return runtimePids();
      },
    };
  } catch (error) {
    await close();
    throw isAddressInUse(error) ? portTaken(host, port, error) : error;
  }
}

function keepTrack(guard: Guard, state: StateDir, url: string): void {
  const pids = runtimePids();
  guard.watch(pids);
  state.hold(url, pids);
}

function runtimeOptions(
  options: FabricOptions,
  config: WorkerConfig,
  script: string,
  address: { host: string; port: number },
  state: StateDir,
  unsafeHandleRuntimeRestart: () => void,
): MiniflareOptions {
  const text = (value: string) => ({ type: "text" as const, value });
  const vars: Record<string, string> = { ...options.vars, SELVEDGE_LIFE: crypto.randomUUID() };
  if (options.layout !== undefined) vars["LAYOUT"] = JSON.stringify(options.layout);
  if (options.key !== undefined) vars["SELVEDGE_KEY"] = options.key;
  if (options.open) vars["SELVEDGE_OPEN"] = "loopback";
  return {
    // miniflare's own entry adds a hop to every request: it gets a port that nobody is told.
    host: "127.0.0.1",
    port: 0,
    logRequests: false,
    telemetry: { enabled: false },
    cf: false,
    resourcePersistencePath: state.resources,
    ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
    unsafeHandleRuntimeRestart,
    workers: [
      {
        config: {
          name: config.name,
          compatibilityDate: config.compatibilityDate,
          compatibilityFlags: [...config.compatibilityFlags],
          manifest: {
            mainModule: "index.mjs",
            modulesRoot: PACKAGE_ROOT,
            modules: { "index.mjs": { type: "esm", contents: script } },
          },
          env: {
            ...Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, text(value)])),
            ...Object.fromEntries(
              config.objects.map((o) => [
                o.binding,
                { type: "durable-object" as const, worker: config.name, exportName: o.className },
              ]),
            ),
            ...Object.fromEntries(
              config.buckets.map((b) => [b.binding, { type: "r2" as const, name: b.bucket }]),
            ),
            [config.assetsBinding]: { type: "worker" as const, worker: ASSETS_WORKER },
          },
          exports: Object.fromEntries(
            config.sqliteClasses.map((name) => [
              name,
              { type: "durable-object" as const, storage: "sqlite" as const },
            ]),
          ),
        },
        dev: { rootPath: PACKAGE_ROOT, unsafeDirectSockets: [address] },
      },
      staticFiles(config),
    ],
  };
}

/**
 * The Worker of the static files. With assets of its own the fabric's Worker would have miniflare's asset router between
 * its socket and its code: one more hop for every frame, and compression, which that router negotiates.
 */
function staticFiles(config: WorkerConfig): MiniflareOptions["workers"][number] {
  return {
    config: {
      name: ASSETS_WORKER,
      compatibilityDate: config.compatibilityDate,
      manifest: {
        mainModule: "static.mjs",
        modulesRoot: PACKAGE_ROOT,
        modules: { "static.mjs": { type: "esm", contents: "export default {};" } },
      },
      assets: { directory: config.assetsDirectory, hasUserWorker: false },
    },
    dev: { rootPath: PACKAGE_ROOT },
  };
}

/** The port itself, or any free one for 0: the runtime must get the same port again when it restarts after a crash. */
async function freePort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  } catch (error) {
    throw isAddressInUse(error) ? portTaken(host, port, error) : error;
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function isAddressInUse(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EADDRINUSE" || code === "ERR_ADDRESS_IN_USE";
}

function portTaken(host: string, port: number, cause: unknown): FabricError {
  return new FabricError("in_use", `port ${port} of ${host} is taken; pass another --port`, { cause });
}

/** Peers that are asked come back by themselves; nobody waits for a runtime that does not answer any more. */
async function askPeersToGo(url: string, key: string | undefined): Promise<void> {
  const headers =
    key === undefined
      ? {}
      : { Authorization: `Bearer ${await signToken(parseKeys(key)[0], { admin: true })}` };
  try {
    const signal = AbortSignal.timeout(2 * LIMITS.leaveMs);
    await (await fetch(`${url}/v1/goaway`, { method: "POST", headers, signal })).arrayBuffer();
  } catch {
    // It has ended before us, as a signal to the whole group does.
  }
}

async function healthy(url: string): Promise<void> {
  const signal = AbortSignal.timeout(HEALTHY_WITHIN_MS);
  for (;;) {
    try {
      const response = await fetch(`${url}/healthz`, { signal });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch (cause) {
      if (signal.aborted) {
        throw new FabricError("unavailable", `the fabric did not answer within ${HEALTHY_WITHIN_MS} ms`, {
          cause,
        });
      }
    }
    await sleep(HEALTH_POLL_MS);
  }
}
