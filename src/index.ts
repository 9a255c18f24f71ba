/** Worker entry: the default export and the object classes. Wiring only. */
import { DurableObject } from "cloudflare:workers";

export class TopicRouter extends DurableObject {}
export class LogWriter extends DurableObject {}

export default {
  fetch(): Response {
    return new Response("selvedge\n");
  },
};
