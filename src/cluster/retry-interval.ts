/** How long a node waits between tries to connect. Source: Zeek's `Cluster::retry_interval` and its environment variables. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

const NAMES = ["ZEEK_DEFAULT_CONNECT_RETRY", "BRO_DEFAULT_CONNECT_RETRY"] as const;

/** The variables that count, today's before that of Bro 2.6; values are seconds. */
export type RetryEnvironment = Readonly<Partial<Record<(typeof NAMES)[number], string>>>;

/** The interval of the layout, unless the environment says another. Throws `invalid_data` for a value that is no number. */
export function retryIntervalMs(layoutMs: number, environment: RetryEnvironment): number {
  const name = NAMES.find((variable) => (environment[variable] ?? "") !== "");
  if (name === undefined) return layoutMs;
  const ms = Number(environment[name]) * 1_000;
  if (ms >= 0 && ms <= LIMITS.connectRetryMsMax) return ms;
  throw new FabricError(
    "invalid_data",
    `${name} must be seconds, 0 to ${LIMITS.connectRetryMsMax / 1_000}; it is "${environment[name]}"`,
  );
}
