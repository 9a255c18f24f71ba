/** `selvedge token init|create`: the key of a deployment, and tokens signed with it. Needs no connection. */
import { randomBytes } from "node:crypto";
import type { CAC } from "cac";
import { LIMITS } from "../base/limits.ts";
import { grantOf, parseKeys, type Claims } from "../protocol/access.ts";
import { EXIT, UsageError } from "./exit.ts";
import { optionTexts } from "./option-texts.ts";
import { signToken } from "./sign-token.ts";

const SECRET_COMMAND = "wrangler secret put SELVEDGE_KEY";
const ID_BYTES = 4;
const DURATION = /^(\d+)(m|h|d)$/;
const SECONDS = { m: 60, h: 3_600, d: 86_400 } as const;

interface CreateOptions {
  readonly admin?: boolean;
  readonly peer?: boolean;
  readonly expires: string | number;
  readonly json?: boolean;
}

export function registerToken(cli: CAC): void {
  cli.command("token init", "Make the key of a deployment").example("selvedge token init").action(init);
  cli
    .command("token create", "Make a token, signed with the key in SELVEDGE_KEY")
    .option("--name <node>", "Name of the node that the token speaks for")
    .option("--node-type <type>", "Its type, for example worker or logger")
    .option("--publish <prefix>", 'May publish under this topic prefix; may be repeated, "" is every topic')
    .option("--subscribe <prefix>", "May subscribe under this topic prefix; may be repeated")
    .option("--logs <stream>", 'May ship and read this log stream; may be repeated, "*" is every stream')
    .option("--admin", "May flush all logs and read metrics")
    .option("--peer", "May carry on what others published: for a peering of fabrics")
    .option("--expires <time>", "Holds so long: 90d, 12h, 30m, or never", { default: "90d" })
    .example(
      "SELVEDGE_KEY=$(cat key) selvedge token create --name sensor-1 --publish zeek/ --subscribe zeek/ --logs '*'",
    )
    .example(
      "SELVEDGE_KEY=$(cat key) selvedge token create --name reader --subscribe zeek/ --expires 12h --json",
    )
    .action((options: CreateOptions) => create(options, cli.rawArgs));
}

function init(options: { readonly json?: boolean }): number {
  const key = `${randomBytes(ID_BYTES).toString("hex")}:${randomBytes(LIMITS.keyBytesMin).toString("base64url")}`;
  if (options.json) {
    console.log(JSON.stringify({ key, command: SECRET_COMMAND }));
    return EXIT.ok;
  }
  console.log(key);
  console.error(
    [
      "",
      "Keep it secret: it signs every token. Give it to the deployment, pasting it when asked:",
      `  npx ${SECRET_COMMAND}`,
      "and make tokens with it:",
      "  SELVEDGE_KEY=… npx selvedge token create --help",
      "To replace a key, deploy `NEW OLD` (a blank between them), make new tokens, then deploy `NEW`.",
    ].join("\n"),
  );
  return EXIT.ok;
}

async function create(options: CreateOptions, argv: readonly string[]): Promise<number> {
  if (process.env["SELVEDGE_KEY"] === undefined) {
    throw new UsageError("set SELVEDGE_KEY to the deployment's key; `selvedge token init` makes one");
  }
  const [key] = parseKeys(process.env["SELVEDGE_KEY"]);
  const [name, nodeType] = [optionTexts(argv, "name").at(-1), optionTexts(argv, "node-type").at(-1)];
  const claims: Claims = {
    ...(name === undefined ? {} : { sub: name }),
    ...(nodeType === undefined ? {} : { node_type: nodeType }),
    publish: optionTexts(argv, "publish"),
    subscribe: optionTexts(argv, "subscribe"),
    logs: optionTexts(argv, "logs"),
    admin: options.admin ?? false,
    ...(options.peer === true ? { peer: true } : {}),
  };
  const grant = grantOf({ ...claims });
  if (!grant.admin && [grant.publish, grant.subscribe, grant.logs].every((granted) => granted.length === 0)) {
    throw new UsageError("the token would grant nothing: give --publish, --subscribe, --logs or --admin");
  }
  const expiresAt = expiryOf(String(options.expires));
  const token = await signToken(key, claims, expiresAt);
  if (options.json) console.log(JSON.stringify({ token, claims, expires: expiresAt?.toISOString() ?? null }));
  else console.log(token);
  return EXIT.ok;
}

function expiryOf(text: string): Date | undefined {
  if (text === "never") return undefined;
  const [, amount, unit] = DURATION.exec(text) ?? [];
  if (amount === undefined)
    throw new UsageError(`--expires must be like 90d, 12h, 30m or never, got ${text}`);
  return new Date(Date.now() + Number(amount) * SECONDS[unit as keyof typeof SECONDS] * 1000);
}
