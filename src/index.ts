/** Worker entry: the default export and the object classes. Wiring only. */
import { DurableObject } from "cloudflare:workers";
import { app } from "./worker/app.ts";

export { TopicRouter } from "../durable/topic-router.ts";
export class LogWriter extends DurableObject {}

export default { fetch: app.fetch };
