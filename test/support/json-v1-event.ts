/** Builders of JSON v1 texts (spec: Zeek's WebSocket API). They write canonical text; parts may be replaced by any text. */

/** A value whose `data` is JSON text as given. */
export const value = (type: string, data: string): string => `{"@data-type":"${type}","data":${data}}`;
export const count = (n: number | bigint): string => value("count", String(n));
export const string = (text: string): string => value("string", JSON.stringify(text));
export const vector = (...items: readonly string[]): string => value("vector", `[${items.join(",")}]`);
export const set = (...items: readonly string[]): string => value("set", `[${items.join(",")}]`);
export const entry = (key: string, val: string): string => `{"key":${key},"value":${val}}`;
export const table = (...entries: readonly string[]): string => value("table", `[${entries.join(",")}]`);

/** A data message around any value. */
export function dataMessage(topic: string, val: string): string {
  return `{"type":"data-message","topic":${JSON.stringify(topic)},${val.slice(1)}`;
}

/** The event wrapper: format 1, kind 1, name, arguments and, when given, metadata. */
export function eventValue(name: string, args: readonly string[], metadata?: readonly string[]): string {
  const tail = metadata === undefined ? [] : [vector(...metadata)];
  return vector(count(1), count(1), vector(string(name), value("vector", `[${args.join(",")}]`), ...tail));
}

/** A complete event message in canonical form. */
export function event(
  topic: string,
  name: string,
  args: readonly string[] = [],
  metadata?: readonly string[],
): string {
  return dataMessage(topic, eventValue(name, args, metadata));
}

/** The event that tests tell apart by a number. */
export const numbered = (topic: string, n: number): string => event(topic, "ev", [count(n)]);

/** The number of a `numbered` event. Throws when the text is none. */
export function numberOf(text: string): number {
  const match = /"data":\[\{"@data-type":"count","data":(\d+)\}[^[]*$/.exec(text);
  if (match === null) throw new Error(`not a numbered event: ${text.slice(0, 200)}`);
  return Number(match[1]);
}

/** An error frame, exact bytes. */
export function errorText(context: string, code = "deserialization_failed"): string {
  return `{"type":"error","code":${JSON.stringify(code)},"context":${JSON.stringify(context)}}`;
}

/** The error frames of the specification, §2.4 and §6.2. */
export const REFUSED = {
  notAnArray: errorText("subscriptions not an array"),
  notAString: errorText("individual subscription not a string"),
  notDecoded: errorText("failed to decode JSON object"),
  noTopic: errorText("no topic in top-level JSON object"),
  noEvent: errorText("failed to create Zeek event"),
} as const;
