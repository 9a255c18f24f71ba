/** Worker entry: the default export and the object classes. Wiring only. */
import { app } from "./worker/app.ts";

export { TopicRouter } from "../durable/topic-router.ts";
export { LogWriter } from "../durable/log-writer.ts";

export default { fetch: app.fetch };
