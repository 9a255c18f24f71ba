/**
 * A whole cluster that runs the shipped scripts: one manager, two loggers and two proxies at the edge, one proxy and two
 * workers as processes, two workers as clients of Zeek's WebSocket API. Connections are split over the workers by flow.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import type { Fabric } from "../../src/cli/fabric.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { HrwBalancer } from "../../src/flow/balancer.ts";
import { ConnLines } from "../../src/flow/conn-lines.ts";
import { connect, toJs, type Client } from "../../src/sdk/index.ts";
import { Random } from "../sim/kit/random.ts";
import { runCli } from "./cli.ts";
import { CuttingProxy } from "./cutting-proxy.ts";
import { CLI, startInProcess, tempDir } from "./fabric.ts";
import { JsonClient } from "./json-v1-client.ts";
import { event, string } from "./json-v1-event.ts";
import { JsonWorker, type Conn } from "./json-v1-worker.ts";
import { linesOf, readR2Objects } from "./r2-files.ts";
import { signToken, TEST_KEY } from "./tokens.ts";

const WORKERS = ["worker-1", "worker-2", "worker-3", "worker-4"] as const;
const nodes = (proxies: readonly string[]) => [
  { name: "manager", nodeType: "MANAGER" },
  { name: "logger", nodeType: "LOGGER", count: 2 },
  ...proxies.map((name) => ({ name, nodeType: "PROXY", ...(name === "proxy-3" ? { place: "remote" } : {}) })),
  { name: "worker", nodeType: "WORKER", count: 4 },
];
export const PROXIES = ["proxy-1", "proxy-2", "proxy-3"] as const;

/** What the witness of a proxy has logged. */
export interface Handled {
  /** Of this handling. */
  readonly id: string;
  readonly node: string;
  readonly life: string;
  readonly event: string;
  readonly key: string;
}

/** A node as a process, with its standard input open. */
type NodeProcess = ChildProcessByStdio<Writable, Readable, Readable>;

export class KnownCluster implements AsyncDisposable {
  readonly #root: string;
  readonly #fabric: Fabric;
  readonly #adminToken: string;
  readonly #operator: Client;
  readonly #asker: JsonClient;
  readonly #cutting: CuttingProxy;
  readonly #processes = new Map<string, NodeProcess>();
  readonly #json = new Map<string, JsonWorker>();
  readonly #balancer = new HrwBalancer(WORKERS);
  readonly #lines = new ConnLines();
  #output = "";

  private constructor(
    root: string,
    fabric: Fabric,
    adminToken: string,
    operator: Client,
    asker: JsonClient,
    cutting: CuttingProxy,
  ) {
    this.#root = root;
    this.#fabric = fabric;
    this.#adminToken = adminToken;
    this.#operator = operator;
    this.#asker = asker;
    this.#cutting = cutting;
  }

  static async start(): Promise<KnownCluster> {
    const root = tempDir("selvedge-known");
    const fabric = await startInProcess({
      stateDir: join(root, "fabric"),
      layout: { nodes: nodes(PROXIES) },
      key: TEST_KEY,
      open: false,
      main: "test/support/witness-worker.ts",
    });
    const adminToken = await signToken({
      sub: "operator",
      admin: true,
      publish: [""],
      subscribe: [""],
      logs: ["*"],
    });
    const operator = await connect(fabric.url, { token: adminToken });
    const headers = { Authorization: `Bearer ${adminToken}` };
    const asker = await JsonClient.subscribed(fabric.url, [], { headers });
    const cutting = await CuttingProxy.start(fabric.url, new Random(1));
    const cluster = new KnownCluster(root, fabric, adminToken, operator, asker, cutting);
    await cluster.startProxy3();
    await cluster.#startNode("worker-1", fabric.url, ["--feed=-"]);
    await cluster.#startNode("worker-2", cutting.url, ["--feed=-"]);
    for (const name of ["worker-3", "worker-4"]) {
      cluster.#json.set(name, await JsonWorker.start(fabric.url, name, await tokenOf(name, "WORKER")));
    }
    return cluster;
  }

  /** Everything that its processes have printed. */
  get output(): string {
    return this.#output;
  }

  /** Gives connections (lines of conn.log as JSON) to the workers of their flows. Resolves when they have taken them. */
  async feed(lines: readonly string[]): Promise<void> {
    const parts = Map.groupBy(lines, (line) => this.#workerOf(line));
    await Promise.all(
      WORKERS.map(async (name) => {
        const part = parts.get(name) ?? [];
        const json = this.#json.get(name);
        if (json !== undefined) return json.feed(part.map((line) => JSON.parse(line) as Conn));
        const { stdin } = this.#processes.get(name)!;
        if (!stdin.write(part.map((line) => `${line}\n`).join(""))) await once(stdin, "drain");
      }),
    );
  }

  async startProxy3(): Promise<void> {
    await this.#startNode("proxy-3", this.#fabric.url, [
      "--script",
      join(PACKAGE_ROOT, "test/support/witness.ts"),
    ]);
  }

  /** SIGKILL. */
  async killProxy3(): Promise<void> {
    const child = this.#processes.get("proxy-3")!;
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  /** Puts a layout with these proxies in force. */
  async applyProxies(proxies: readonly string[]): Promise<void> {
    const file = join(this.#root, "layout.json");
    writeFileSync(file, JSON.stringify({ nodes: nodes(proxies) }));
    const args = ["cluster", "apply", file, "--url", this.#fabric.url, "--token", this.#adminToken];
    const { status, stderr } = await runCli(args);
    if (status !== 0) throw new Error(stderr);
  }

  /** Cuts a connection of worker-2. */
  cutWorker2(): void {
    this.#cutting.cutOne();
  }

  get cuts(): number {
    return this.#cutting.cuts;
  }

  /** The proxies that have keys now, as they say themselves; "" where none has answered. */
  async ownersOf(keys: readonly string[]): Promise<readonly string[]> {
    const owners = new Map<string, string>();
    await using _ = await this.#operator.subscribe("site/witness", ({ args }) => {
      const [key, node] = args.map((arg) => toJs(arg) as string);
      owners.set(key!, node!);
    });
    for (const key of keys) this.#asker.send(event("selvedge/pool/proxy/hrw", "Witness::ask", [string(key)]));
    for (let i = 0; i < 100 && owners.size < keys.length; i++) await sleep(20);
    return keys.map((key) => owners.get(key) ?? "");
  }

  /** The records of a stream so far, as the loggers hold them. */
  async records<T>(stream: string): Promise<readonly T[]> {
    const response = await fetch(`${this.#fabric.url}/v1/logs/${stream}/records`, {
      headers: { Authorization: `Bearer ${this.#adminToken}` },
    });
    if (!response.ok && response.status !== 404) throw new Error(await response.text());
    const bytes = response.ok ? gunzipSync(await response.arrayBuffer()) : "";
    return bytes
      .toString()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as T);
  }

  /** The records of a stream in R2's files, after a flush. */
  async stored<T>(stream: string): Promise<readonly T[]> {
    const flush = await runCli(["logs", "flush", "--url", this.#fabric.url, "--token", this.#adminToken]);
    if (flush.status !== 0) throw new Error(flush.stderr);
    const objects = await readR2Objects(join(this.#root, "fabric"), "selvedge-logs");
    const ours = objects.filter(({ key }) => key.startsWith(`logs/${stream}/`));
    return ours.flatMap(linesOf).map((line) => JSON.parse(line) as T);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#json.values()) await worker.close();
    for (const child of this.#processes.values()) child.kill("SIGKILL");
    await this.#asker.close();
    await this.#operator.close();
    this.#cutting.close();
    await this.#fabric.close();
    rmSync(this.#root, { recursive: true, force: true });
  }

  #workerOf(line: string): string {
    const read = this.#lines.read(line);
    if (read.type !== "record") throw new Error(`no connection: ${line}`);
    return this.#balancer.workerOf(read.flow)!;
  }

  async #startNode(name: string, url: string, more: readonly string[]): Promise<void> {
    const folder = join(this.#root, name);
    mkdirSync(folder, { recursive: true });
    const type = name.startsWith("proxy") ? "PROXY" : "WORKER";
    const script = join(PACKAGE_ROOT, "src/policy/shipped.ts");
    const args = [CLI, "node", "--name", name, "--script", script, "--url", url, ...more];
    const env = { ...process.env, SELVEDGE_TOKEN: await tokenOf(name, type) };
    const child: NodeProcess = spawn(process.execPath, args, {
      cwd: folder,
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        this.#output += text;
      });
    }
    this.#processes.set(name, child);
    while (!output.includes(`${name} runs`)) {
      if (child.exitCode !== null) throw new Error(`${name} ended:\n${output}`);
      await sleep(10);
    }
  }
}

async function tokenOf(name: string, type: string): Promise<string> {
  return signToken({ sub: name, node_type: type, publish: [""], subscribe: [""], logs: ["*"] });
}
