/** `selvedge ledger`: what became of all events, by component and reason, and whether it adds up. */
import type { CAC } from "cac";
import type { LedgerView } from "../worker/ledger-route.ts";
import { EXIT } from "./exit.ts";
import { formatTable } from "./table.ts";
import { request, targetOf, type TargetOptions } from "./target.ts";

export function registerLedger(cli: CAC): void {
  cli
    .command("ledger", "Print what became of all events; status 1 when it does not add up")
    .example("selvedge ledger")
    .example("selvedge ledger --json | jq '.routers[].dropped'")
    .action(print);
}

async function print(options: TargetOptions): Promise<number> {
  const view = (await (await request(targetOf(options), "GET", "/v1/ledger")).json()) as LedgerView;
  if (options.json) console.log(JSON.stringify(view));
  else console.log(formatTable(["component", "side", "what", "events"], rowsOf(view)));
  const problems = problemsOf(view);
  for (const problem of problems) console.error(`selvedge: the ledger does not balance: ${problem}`);
  if (problems.length > 0) return EXIT.failure;
  if (!options.json) for (const line of summaryOf(view)) console.log(line);
  return EXIT.ok;
}

/** Every count, and reasons that occurred. */
function rowsOf({ routers, sessions }: LedgerView): (readonly [string, string, string, number])[] {
  const side = (component: string, name: string, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([what, events]) => [component, name, what, events] as const);
  const reasons = (component: string, name: string, counts: Readonly<Record<string, number>>) =>
    side(component, name, counts).filter(([, , , events]) => events !== 0);
  return [
    ...routers.flatMap(({ router, publishers, readers, dropped, gaps }) => [
      ...side(`router ${router}`, "publishers", publishers),
      ...side(`router ${router}`, "readers", readers),
      ...reasons(`router ${router}`, "dropped", dropped),
      ...reasons(`router ${router}`, "gap notices", gaps),
    ]),
    ...side("sessions", "publishers", sessions.publishers),
    ...side("sessions", "readers", sessions.readers),
    ...reasons("sessions", "dropped", sessions.dropped),
  ];
}

function problemsOf({ routers, sessions }: LedgerView): string[] {
  return [
    ...routers.flatMap(({ router, problems }) => problems.map((text) => `router ${router}: ${text}`)),
    ...sessions.problems.map((text) => `sessions: ${text}`),
  ];
}

function summaryOf({ routers, sessions }: LedgerView): string[] {
  const out = ["every ledger balances"];
  for (const { router, incarnation, readers } of routers) {
    if (readers.unaccounted > 0)
      out.push(`note: router ${router}: at most ${readers.unaccounted} events were lost on their way`);
    if (incarnation > 1) {
      const times = incarnation === 2 ? "once" : `${incarnation - 1} times`;
      out.push(`note: router ${router} was restarted ${times} without a checkpoint: counts were lost`);
    }
  }
  out.push(`note: sessions are those of isolate ${sessions.isolate}, ${sessions.open} of them open`);
  return out;
}
