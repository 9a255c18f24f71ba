/** `selvedge serve`: the fabric on this machine, until a signal ends it. */
import type { CAC } from "cac";
import { FabricError } from "../base/errors.ts";
import { parseKeys } from "../protocol/access.ts";
import { EXIT, UsageError } from "./exit.ts";
import { readLayout } from "./layout-file.ts";
import { untilSignal } from "./until-signal.ts";

const PORT_MAX = 65_535;

interface ServeOptions {
  readonly host: string;
  readonly port: unknown;
  readonly state: string;
  readonly fresh?: boolean;
  readonly layout?: string;
  readonly json?: boolean;
}

export function registerServe(cli: CAC): void {
  cli
    .command("serve", "Run the whole fabric on this machine; state is kept on disk")
    .option("--port <port>", "Port to listen on; 0 takes a free one", { default: 8787 })
    .option("--host <address>", "Address to bind; any but loopback needs SELVEDGE_KEY", {
      default: "127.0.0.1",
    })
    .option("--state <dir>", "Folder of the state", { default: "./.selvedge" })
    .option("--fresh", "Empty the folder of the state first")
    .option("--layout <file>", "Layout as JSON; without it src/site/layout.ts holds")
    .example("selvedge serve")
    .example("selvedge serve --port 9000 --state /var/lib/selvedge")
    .example("SELVEDGE_KEY=$(cat key) selvedge serve --host 0.0.0.0")
    .action(serve);
}

async function serve(options: ServeOptions): Promise<number> {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new UsageError(`--port must be a number from 0 to ${PORT_MAX}, got ${String(options.port)}`);
  }
  // The runtime and the bundler take half a second to load: no other command should wait for them.
  const { isLoopback, startFabric } = await import("./fabric.ts");
  const host = String(options.host);
  const key = process.env["SELVEDGE_KEY"];
  const open = key === undefined && isLoopback(host);
  if (!open) assertKey(host, key);
  const fabric = await startFabric({
    host,
    port,
    stateDir: String(options.state),
    fresh: options.fresh ?? false,
    ...(options.layout === undefined ? {} : { layout: (await readLayout(String(options.layout))).source }),
    ...(key === undefined ? {} : { key }),
    open,
  });
  if (options.json) {
    console.log(JSON.stringify({ ready: fabric.url, open, state: options.state }));
  } else {
    console.log(`selvedge: state in ${options.state}; end with Ctrl-C`);
    console.log(
      open
        ? "selvedge: open to everybody on this machine, because it is bound to loopback; set SELVEDGE_KEY to ask for tokens"
        : "selvedge: a token is asked of every peer (selvedge token create)",
    );
    console.log(`ready ${fabric.url}`);
  }
  await untilSignal();
  await fabric.close();
  return EXIT.ok;
}

function assertKey(host: string, key: string | undefined): void {
  if (key === undefined) {
    throw new FabricError(
      "no_key",
      `${host} can be reached by others: set SELVEDGE_KEY (selvedge token init makes a key)`,
    );
  }
  parseKeys(key);
}
