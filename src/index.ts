/** Worker entry: the default export and the object classes. Wiring only. */
import { app, errorResponse } from "./worker/app.ts";
import type { FabricEnv } from "./worker/env.ts";
import { isUpgrade, upgrade } from "./worker/upgrade.ts";

export { ClusterLayout } from "../durable/cluster-layout.ts";
export { ClusterNode } from "../durable/cluster-node.ts";
export { LogWriter } from "../durable/log-writer.ts";
export { Membership } from "../durable/membership.ts";
export { TopicRouter } from "../durable/topic-router.ts";

export default {
  async fetch(request: Request, env: FabricEnv, ctx: ExecutionContext): Promise<Response> {
    if (!isUpgrade(request)) return app.fetch(request, env, ctx);
    try {
      return await upgrade(request, env, ctx);
    } catch (error) {
      return errorResponse(error);
    }
  },
};
