/** The messages of JSON v1 that are no events: `ack` and `error` (spec/websocket-json.md §2 and §6). */

export type Control =
  | { readonly type: "ack"; readonly endpoint: string; readonly version: string }
  | { readonly type: "error"; readonly code: string; readonly context: string }
  | { readonly type: "unknown" };

/** What a text says; `unknown` for everything else, also for what is no JSON. */
export function parseControl(text: string): Control {
  const message = parse(text);
  const field = (name: string) => (typeof message[name] === "string" ? message[name] : "");
  switch (message["type"]) {
    case "ack":
      return { type: "ack", endpoint: field("endpoint"), version: field("version") };
    case "error":
      return { type: "error", code: field("code"), context: field("context") };
    default:
      return { type: "unknown" };
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message !== null ? (message as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
