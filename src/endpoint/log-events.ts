/** Remote logging on the wire: `Broker::log_create(stream, path, columns)`, `Broker::log_write(stream, path, values)`. */
import { string, vector, type StringValue, type Value } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";

const CREATE = "Broker::log_create";
const WRITE = "Broker::log_write";

/** What a peer says of a log stream. */
export type LogEvent = { readonly stream: string; readonly path: string } & (
  | { readonly type: "create"; readonly columns: readonly string[] }
  | { readonly type: "write"; readonly values: readonly Value[] }
);

/** Records of a stream will come, with these columns. */
export function logCreate(stream: string, path: string, columns: readonly string[]): FabricEvent {
  return { name: CREATE, args: [string(stream), string(path), vector(columns.map(string))], metadata: [] };
}

/** One record. */
export function logWrite(stream: string, path: string, values: readonly Value[]): FabricEvent {
  return { name: WRITE, args: [string(stream), string(path), vector(values)], metadata: [] };
}

/** Whether events of this name belong to remote logging, and so are no events for handlers. */
export function isLogEvent(name: string): boolean {
  return name === CREATE || name === WRITE;
}

/** Undefined for an event that says nothing. */
export function parseLogEvent({ name, args }: Pick<FabricEvent, "name" | "args">): LogEvent | undefined {
  const [stream, path, list] = args;
  if (!isText(stream) || !isText(path) || list?.type !== "vector") return undefined;
  const shared = { stream: stream.value, path: path.value };
  return name === WRITE
    ? { ...shared, type: "write", values: list.elements }
    : { ...shared, type: "create", columns: list.elements.map((item) => (isText(item) ? item.value : "")) };
}

function isText(value: Value | undefined): value is StringValue & { readonly value: string } {
  return value?.type === "string" && typeof value.value === "string";
}
