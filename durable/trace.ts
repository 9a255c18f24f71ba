/** Log lines of the objects: one JSON object a line, with an event name, ids and codes; never payloads or tokens. */

/** Writes one line. */
export function trace(event: string, fields: Readonly<Record<string, unknown>>): void {
  // oxlint-disable-next-line no-console -- the one place of the objects that writes
  console.log(JSON.stringify({ event, ...fields }));
}
