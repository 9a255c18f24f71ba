/**
 * Tells Membership of a client of Zeek's WebSocket API that comes and goes (spec: websocket-json.md §9). Only where the
 * layout has a remote manager, which is who listens to them in Zeek.
 */
import type { Layout } from "../cluster/layout.ts";
import type { ClientInfo, ClientReport } from "../membership/client-reports.ts";
import { MEMBERSHIP_NAME } from "../membership/heartbeat.ts";
import { textOf, type Prefix } from "../protocol/topic.ts";
import type { FabricEnv } from "./env.ts";

/** A close frame without a code: to Zeek it is a plain close. */
const NO_STATUS = 1005;
const NORMAL = 1000;
const VANISHED = 1006;

/** What the request tells of its client. */
export function clientOf(request: Request): Omit<ClientInfo, "id"> {
  const { headers } = request;
  return {
    address: headers.get("CF-Connecting-IP") ?? "",
    port: 0,
    applicationName: headers.get("X-Application-Name") ?? undefined,
  };
}

export class ClientReports {
  readonly #client: ClientInfo;
  readonly #send: ((report: ClientReport) => void) | undefined;
  #code = VANISHED;
  #reason = "";

  constructor(
    client: ClientInfo,
    { nodes }: Pick<Layout, "nodes">,
    env: Pick<FabricEnv, "MEMBERSHIP">,
    ctx: Pick<ExecutionContext, "waitUntil">,
  ) {
    this.#client = client;
    const manager = nodes.find(({ nodeType, place }) => nodeType === "MANAGER" && place === "remote");
    if (manager === undefined) return;
    this.#send = (report) => ctx.waitUntil(send(env, report, manager.name));
  }

  /** Its subscriptions are in force. */
  added(prefixes: readonly Prefix[]): void {
    this.#send?.({ type: "added", client: this.#client, subscriptions: prefixes.map(textOf) });
  }

  /** Its connection has ended; what it sent may still be on its way. */
  closed(code: number, reason: string): void {
    if (this.#code !== VANISHED) return;
    this.#code = code === NO_STATUS ? NORMAL : code;
    this.#reason = reason;
  }

  /** All that it sent is published. */
  lost(): void {
    this.#send?.({ type: "lost", client: this.#client, code: this.#code, reason: this.#reason });
  }
}

/** A report that does not get through is lost: the client's own connection does not depend on it. */
async function send(
  env: Pick<FabricEnv, "MEMBERSHIP">,
  report: ClientReport,
  manager: string,
): Promise<void> {
  try {
    await env.MEMBERSHIP.getByName(MEMBERSHIP_NAME).clientChanged(report, manager);
  } catch (error) {
    // oxlint-disable-next-line no-console -- the log of a Worker
    console.error(JSON.stringify({ event: "client_report_failed", error: String(error) }));
  }
}
