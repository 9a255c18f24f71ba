import { describe, expect, it } from "vitest";
import { formatValue } from "../../../src/data/json.ts";
import {
  clientEvent,
  clientMessage,
  type ClientInfo,
  type ClientReport,
} from "../../../src/membership/client-reports.ts";

const CLIENT: ClientInfo = { id: "e-1", address: "192.0.2.1", port: 0, applicationName: undefined };
const NAMED = { ...CLIENT, applicationName: "zeekctl/2.6" };
const lost = (code: number, reason: string, client = CLIENT): ClientReport => ({
  type: "lost",
  client,
  code,
  reason,
});
const shown = (report: ClientReport) => {
  const { name, args } = clientEvent(report);
  return [name, ...args.map((arg) => JSON.parse(formatValue(arg)) as { data: unknown })];
};

describe("clients of the WebSocket API", () => {
  it("M-8 added carries the endpoint record and the subscriptions by bytes, each once", () => {
    const report: ClientReport = {
      type: "added",
      client: CLIENT,
      subscriptions: ["b", "\u{10000}", "\uffee", "b", "a"],
    };
    expect(shown(report)).toMatchObject([
      "Cluster::websocket_client_added",
      {
        "@data-type": "vector",
        data: [
          { "@data-type": "string", data: "e-1" },
          {
            "@data-type": "vector",
            data: [
              { "@data-type": "string", data: "192.0.2.1" },
              { "@data-type": "port", data: "0/tcp" },
            ],
          },
          { "@data-type": "none" },
        ],
      },
      { data: ["a", "b", "\uffee", "\u{10000}"].map((data) => ({ data })) },
    ]);
    expect(clientMessage(report)).toBe(
      "WebSocket client 'e-1' (192.0.2.1:0) subscribed to [a, b, \uffee, \u{10000}]",
    );
  });

  it("M-8 lost carries code and reason", () => {
    expect(shown(lost(1000, "", NAMED)).slice(2)).toMatchObject([
      { "@data-type": "count", data: 1000 },
      { "@data-type": "string", data: "" },
    ]);
    expect(clientMessage(lost(1000, "", NAMED))).toBe(
      "WebSocket client 'e-1' (192.0.2.1:0) application_name=zeekctl/2.6 gone with code 1000",
    );
    expect(clientMessage(lost(1013, "slow_reader"))).toBe(
      "WebSocket client 'e-1' (192.0.2.1:0) gone with code 1013 and reason 'slow_reader'",
    );
  });
});
