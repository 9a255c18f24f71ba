/**
 * `npx node scripts/protocol-rules.ts`: the rules of PROTOCOL.md that no test title names, and ids in titles that
 * PROTOCOL.md does not define. Exit status 1 for the latter. `--json` prints one object.
 */
import { definedIds, namedIds } from "./rule-ids.ts";

const defined = definedIds();
const named = namedIds();
const unnamed = defined.filter((id) => !named.has(id));
const unknown = [...named.keys()].filter((id) => !defined.includes(id));
if (process.argv.includes("--json")) {
  console.log(
    JSON.stringify({ defined: defined.length, unnamed, unknown, named: Object.fromEntries(named) }),
  );
} else {
  for (const id of unknown) console.log(`${id} is named in ${named.get(id)!.join(", ")} and not defined`);
  console.log(`${defined.length - unnamed.length} of ${defined.length} rules are named by a test title`);
  if (unnamed.length > 0) console.log(`without one: ${unnamed.join(", ")}`);
}
if (unknown.length > 0) process.exitCode = 1;
