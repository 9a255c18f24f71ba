/**
 * `npm run deploy`: `wrangler deploy`, but not without a key: a deployment that has none refuses everybody, and one
 * should learn that before. `--dry-run` bundles and checks offline and needs no key. Other options go to wrangler.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { array, object, parse, string } from "valibot";

const WRANGLER = join(import.meta.dirname, "../node_modules/.bin/wrangler");
const KEY = "SELVEDGE_KEY";
const options = process.argv.slice(2);
const env = { ...process.env, WRANGLER_SEND_METRICS: "false" };

function hasKey(): boolean {
  const { status, stdout } = spawnSync(WRANGLER, ["secret", "list", "--format", "json", ...environment()], {
    env,
    encoding: "utf8",
    stdio: ["inherit", "pipe", "inherit"],
  });
  if (status !== 0) return false;
  return parse(array(object({ name: string() })), JSON.parse(stdout)).some((secret) => secret.name === KEY);
}

/** The options that say which deployment is meant. */
function environment(): string[] {
  return options.flatMap((option, i) => {
    if (option === "--env" || option === "-e") return options.slice(i, i + 2);
    return option.startsWith("--env=") ? [option] : [];
  });
}

if (!options.includes("--dry-run") && !hasKey()) {
  console.error(
    [
      `deploy: refused, because the deployment has no ${KEY} and would refuse everybody. Make one:`,
      "  npx selvedge token init",
      `  npx wrangler secret put ${KEY}`,
    ].join("\n"),
  );
  process.exitCode = 1;
} else {
  process.exitCode = spawnSync(WRANGLER, ["deploy", ...options], { env, stdio: "inherit" }).status ?? 1;
}
