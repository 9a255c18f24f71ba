/** The HTTP routes (PROTOCOL.md, "HTTP"). WebSocket upgrades never come here (upgrade.ts). */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { FabricError } from "../base/errors.ts";
import type { Grant } from "../protocol/grant.ts";
import { authenticate, challengeOf } from "./auth.ts";
import type { FabricEnv } from "./env.ts";
import { applyLayout, changeLogger, showLayout } from "./layout-routes.ts";
import { listFiles, readFile } from "./files-routes.ts";
import { flushLogs, listLogs, readLogRecords, statLogs } from "./logs-routes.ts";
import { askToLeave } from "./leave-route.ts";
import { showLedger } from "./ledger-route.ts";
import { metricsOf } from "./metrics.ts";
import { publishEvents } from "./publish-route.ts";
import { VERSION } from "./version.ts";

/** What hono knows of a request here. */
interface AppTypes {
  Bindings: FabricEnv;
  Variables: { grant: Grant };
}

export const app = new Hono<AppTypes>();

app.get("/healthz", (c) => c.json({ status: "ok", version: VERSION }));

/** Everything else that is no static file answers only to a token. */
const authenticated = createMiddleware<AppTypes>(async (c, next) => {
  c.set("grant", await authenticate(c.req.raw, c.env));
  await next();
});
app.use("/v1/*", authenticated);
app.get("/metrics", authenticated, (c) => metricsOf(c.env, c.var.grant));

app.get("/v1/logs", (c) => listLogs(c.env, c.var.grant));
app.get("/v1/logs/stat", (c) => statLogs(c.env, c.var.grant));
app.get("/v1/logs/:stream/records", (c) => readLogRecords(c.env, c.var.grant, c.req.param("stream")));
app.post("/v1/logs/flush", (c) => flushLogs(c.env, c.var.grant, c.req.queries("stream") ?? []));
app.get("/v1/files", (c) => listFiles(c.env, c.var.grant));
app.get("/v1/files/*", (c) => readFile(c.env, c.var.grant, c.req.path.slice("/v1/files/".length)));
app.post("/v1/publish", (c) => publishEvents(c.env, c.var.grant, c.req.raw));

app.get("/v1/ledger", (c) => showLedger(c.env, c.var.grant));
app.get("/v1/cluster", (c) => showLayout(c.env, c.var.grant));
app.put("/v1/cluster", (c) => applyLayout(c.env, c.var.grant, c.req.raw));
app.post("/v1/goaway", (c) => askToLeave(c.var.grant));
app.put("/v1/cluster/loggers/:name", (c) => changeLogger(c.env, c.var.grant, c.req.param("name"), c.req.raw));

for (const path of ["/v1/messages/json", "/v1/connect"]) {
  app.all(path, (c) => {
    c.header("Upgrade", "websocket");
    return c.json({ error: { code: "invalid_message", message: `${path} is a WebSocket endpoint` } }, 426);
  });
}

app.notFound(async (c) => {
  const { method, path } = c.req;
  if ((method === "GET" || method === "HEAD") && !path.startsWith("/v1/")) {
    // Deployed, the static files are served before the Worker; on the local runtime's own socket they are not.
    const asset = await c.env.ASSETS.fetch(c.req.raw);
    if (asset.status !== 404) return asset;
  }
  return errorResponse(new FabricError("not_found", `there is no ${method} ${path}`));
});

app.onError((error) => errorResponse(error));

/** Code and message of an error as JSON, with its status. What is not ours is a defect and says nothing more. */
export function errorResponse(error: unknown): Response {
  const known =
    error instanceof FabricError ? error : new FabricError("logic_error", "internal error", { cause: error });
  if (!(error instanceof FabricError)) {
    const name = error instanceof Error ? (error.stack ?? error.message) : String(error);
    // oxlint-disable-next-line no-console -- the log of a Worker
    console.error(JSON.stringify({ event: "http_error", code: known.code, error: name }));
  }
  return Response.json({ error: known }, { status: known.http, headers: challengeOf(known) });
}
