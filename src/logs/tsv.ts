/**
 * Zeek's TSV logs: header lines and the parts of a row (Zeek's src/logging/writers/ascii/Ascii.cc and
 * src/threading/formatters/Ascii.cc). Values become JSON in mapping.ts.
 *
 * Text is either decoded UTF-8 or, for a line that is not UTF-8, a byte string (one char a byte).
 */
import { byteString } from "../protocol/topic.ts";

/** What the header lines of a file say. Plain data: it is kept with a file's position. */
export interface TsvHeader {
  readonly separator: string;
  readonly setSeparator: string;
  readonly emptyField: string;
  readonly unsetField: string;
  readonly path: string | undefined;
  readonly fields: readonly string[];
  readonly types: readonly string[];
}

/** What Zeek takes when a header line is missing. */
const DEFAULT_HEADER: TsvHeader = {
  separator: "\t",
  setSeparator: ",",
  emptyField: "(empty)",
  unsetField: "-",
  path: undefined,
  fields: [],
  types: [],
};

const DIRECTIVE = /^#(separator|set_separator|empty_field|unset_field|path|open|close|fields|types)/;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|\\)/g;

/**
 * The header after one more line that starts with `#`. `#separator` starts a new header; a comment that Zeek does not
 * know changes nothing (Zeek escapes a `#` that starts a row).
 */
export function parseHeaderLine(header: TsvHeader | undefined, line: string): TsvHeader | undefined {
  const name = DIRECTIVE.exec(line)?.[1];
  if (name === undefined) return header;
  if (name === "separator") {
    const separator = unescapeText(line.slice("#separator".length + 1));
    return separator === "" ? header : { ...DEFAULT_HEADER, separator };
  }
  const base = header ?? DEFAULT_HEADER;
  const rest = line.slice(name.length + 1);
  // `#pathology` is a comment: behind the name stands the separator, or nothing.
  if (rest !== "" && !rest.startsWith(base.separator)) return header;
  const text = rest.slice(base.separator.length);
  switch (name) {
    case "set_separator":
      return { ...base, setSeparator: unescapeText(text) };
    case "empty_field":
      return { ...base, emptyField: unescapeText(text) };
    case "unset_field":
      return { ...base, unsetField: unescapeText(text) };
    case "path":
      return { ...base, path: unescapeText(text) };
    case "fields":
      return { ...base, fields: text.split(base.separator).map(unescapeText), types: [] };
    case "types":
      return { ...base, types: text.split(base.separator) };
    default:
      return header;
  }
}

/** Why rows cannot be read with this header, or undefined when they can. */
export function headerProblem(header: TsvHeader | undefined): string | undefined {
  if (header === undefined || header.fields.length === 0) return "there is no #fields line before it";
  const { fields, types } = header;
  if (types.length !== 0 && types.length !== fields.length) {
    return `#fields names ${fields.length} columns but #types ${types.length}`;
  }
  return undefined;
}

/** The bytes that an escaped field stands for, as a byte string: `\xNN` is a byte and `\\` a backslash. */
export function unescapeField(field: string): string {
  return field.replace(ESCAPE, (_, hex: string | undefined) =>
    hex === undefined ? "\\" : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The text of header values. They are ASCII but for the odd set separator. */
function unescapeText(text: string): string {
  return text.includes("\\") ? utf8OrEscaped(unescapeField(byteString(text))) : text;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LEAD_LENGTHS = [
  [0x80, 0x00, 1],
  [0xe0, 0xc0, 2],
  [0xf0, 0xe0, 3],
  [0xf8, 0xf0, 4],
] as const;

/** The text of a byte string; a byte that is no part of valid UTF-8 becomes the four characters `\xNN`, as in Zeek's JSON. */
export function utf8OrEscaped(bytes: string): string {
  const all = Uint8Array.from(bytes, (c) => c.charCodeAt(0));
  const whole = decodeStrict(all);
  if (whole !== undefined) return whole;
  let out = "";
  for (let i = 0; i < all.length;) {
    const lead = all[i]!;
    const length = LEAD_LENGTHS.find(([mask, value]) => (lead & mask) === value)?.[2] ?? 0;
    const text = length === 0 ? undefined : decodeStrict(all.subarray(i, i + length));
    out += text ?? `\\x${lead.toString(16).padStart(2, "0")}`;
    i += text === undefined ? 1 : length;
  }
  return out;
}

/** The text of UTF-8 bytes, or undefined when they are not UTF-8. */
export function decodeStrict(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
