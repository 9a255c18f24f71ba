/**
 * Reads the part of CBOR's diagnostic notation (RFC 8949, 8) that PROTOCOL.md uses: JSON, h'…' for bytes in hex and
 * '…' for bytes that are ASCII text.
 */

/** How byte strings stand in the JSON between the two steps: a control character, then hex. */
const MARK = "\u0000";

/** The item that the text stands for. Throws SyntaxError. */
export function parseDiagnostic(text: string): unknown {
  const json = text.replaceAll(/(h?)'([^']*)'|"(?:[^"\\]|\\.)*"/g, (whole, h: string, bytes?: string) => {
    if (bytes === undefined) return whole;
    return JSON.stringify(MARK + (h === "" ? Buffer.from(bytes, "latin1").toString("hex") : bytes));
  });
  return JSON.parse(json, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK)
      ? new Uint8Array(Buffer.from(value.slice(1), "hex"))
      : value,
  );
}
