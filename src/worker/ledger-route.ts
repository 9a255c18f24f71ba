/** The HTTP answer about what became of all events, for operators. app.ts mounts it. */
import type { Grant } from "../protocol/grant.ts";
import type { RouterLedgerView } from "../routing/ledger.ts";
import { deployedLayout } from "../site/deployed.ts";
import { assertOperator } from "./auth.ts";
import type { FabricEnv } from "./env.ts";
import { isolateLedger, type SessionsView } from "./isolate-ledger.ts";

/** The answer of `GET /v1/ledger`. */
export interface LedgerView {
  /** Whether every ledger in it balances. */
  readonly balanced: boolean;
  readonly routers: readonly RouterLedgerView[];
  readonly sessions: SessionsView;
}

/** The ledgers of every router of the layout, and of the sessions of this isolate. */
export async function readLedgers(env: FabricEnv): Promise<LedgerView> {
  const { routers: table } = deployedLayout(env.LAYOUT);
  const routers = await Promise.all(table.map(async ({ name }) => env.ROUTER.getByName(name).ledger()));
  const sessions = isolateLedger.view();
  const balanced = [...routers, sessions].every(({ problems }) => problems.length === 0);
  return { balanced, routers, sessions };
}

/** `GET /v1/ledger` (LedgerView). It wakes the routers. Throws `forbidden`. */
export async function showLedger(env: FabricEnv, grant: Grant): Promise<Response> {
  assertOperator(grant);
  return Response.json(await readLedgers(env));
}
