/** `POST /v1/goaway`: asks the peers of this isolate to connect again, before its server is stopped (rule 15). */
import type { Grant } from "../protocol/grant.ts";
import { assertOperator } from "./auth.ts";
import { leave } from "./session-driver.ts";

/** Answers `{"left": n}` with how many peers are still there after a while. Throws `forbidden`. */
export async function askToLeave(grant: Grant): Promise<Response> {
  assertOperator(grant);
  return Response.json({ left: await leave("the server is going away") });
}
