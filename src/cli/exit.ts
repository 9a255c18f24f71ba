/** How commands end: exit statuses, and what is printed when they fail. */
import { FabricError } from "../base/errors.ts";

/** Exit statuses of every command. */
export const EXIT = {
  ok: 0,
  /** It was understood, and failed. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Part of the work was done, and what was not is reported. */
  partial: 3,
} as const;

/** The command line itself is wrong; the message says what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** cac's own complaints about options and arguments. */
const isUsage = (error: unknown) =>
  error instanceof UsageError || (error instanceof Error && error.name === "CACError");

/** Prints the error for a person (or as one JSON object) on standard error and returns the exit status. */
export function reportError(error: unknown, json: boolean): number {
  const usage = isUsage(error);
  const code = usage ? "usage" : error instanceof FabricError ? error.code : "failure";
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    console.error(JSON.stringify({ error: { code, message } }));
  } else {
    console.error(`selvedge: ${message}${error instanceof FabricError ? ` (${code})` : ""}`);
    if (usage) console.error("Try `selvedge --help` or `selvedge COMMAND --help`.");
  }
  return usage ? EXIT.usage : EXIT.failure;
}
