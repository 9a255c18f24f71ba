/** `POST /v1/goaway`: asks the peers of this isolate to connect again, before its server is stopped (rule 15). */
import { FabricError } from "../base/errors.ts";
import type { Grant } from "../protocol/grant.ts";
import { leave } from "./session-driver.ts";

/** Answers `{"left": n}` with how many peers are still there after a while. Throws `forbidden`. */
export async function askToLeave(grant: Grant): Promise<Response> {
  if (!grant.admin) throw new FabricError("forbidden", "the token does not grant the operator's routes");
  return Response.json({ left: await leave("the server is going away") });
}
