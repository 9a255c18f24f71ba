/**
 * Rows of Zeek's TSV logs as JSON objects, one a line (docs/howto/ship-logs.md#mapping). The members are the columns,
 * in their order and under their names; a column that is unset in a row is left out. Number text is kept as it is.
 */
import { byteString } from "../protocol/topic.ts";
import { unescapeField, utf8OrEscaped, type TsvHeader } from "./tsv.ts";

type Scalar = "number" | "bool" | "text";

interface Column {
  readonly name: string;
  /** `"name":` as it stands in the object. */
  readonly member: string;
  readonly type: string;
  readonly scalar: Scalar;
  readonly isContainer: boolean;
}

/** A row's JSON text, or why it has none. */
export type Mapped = { readonly json: string } | { readonly reason: string };

const NUMBERS = new Set(["count", "int", "double", "time", "interval", "port"]);
const CONTAINER = /^(?:set|vector|table)\[(.*)\]$/;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** What Zeek writes for doubles that JSON has no number for. */
const NO_NUMBER = /^-?(?:nan|inf)$/;
// oxlint-disable-next-line no-control-regex -- JSON escapes exactly these
const PLAIN = /^[^"\\\u0000-\u001f]*$/;

/** Turns rows under one header into JSON. Make one per header; `map` is the hot path. */
export class RowMapper {
  readonly #header: TsvHeader;
  readonly #columns: readonly Column[];

  constructor(header: TsvHeader) {
    this.#header = header;
    this.#columns = header.fields.map((name, i) => column(name, header.types[i] ?? "string"));
  }

  /** The row's JSON object without a newline. `line` is text, or a byte string when `isBytes`. */
  map(line: string, isBytes: boolean): Mapped {
    const { separator, unsetField } = this.#header;
    const fields = line.split(separator);
    const columns = this.#columns;
    if (fields.length !== columns.length) {
      return { reason: `it has ${fields.length} fields, the header names ${columns.length}` };
    }
    let json = "{";
    for (let i = 0; i < columns.length; i++) {
      const field = fields[i]!;
      if (field === unsetField) continue;
      const { name, member, type, scalar, isContainer } = columns[i]!;
      const value = isContainer ? this.#array(scalar, field, isBytes) : this.#value(scalar, field, isBytes);
      if (value === undefined) return { reason: `field ${name} is not a ${type}` };
      json += json.length === 1 ? member + value : `,${member}${value}`;
    }
    return { json: `${json}}` };
  }

  #array(scalar: Scalar, field: string, isBytes: boolean): string | undefined {
    const { setSeparator, emptyField, unsetField } = this.#header;
    if (field === emptyField || field === "") return "[]";
    let out = "[";
    for (const element of field.split(setSeparator)) {
      const value = element === unsetField ? "null" : this.#value(scalar, element, isBytes);
      if (value === undefined) return undefined;
      out += out.length === 1 ? value : `,${value}`;
    }
    return `${out}]`;
  }

  #value(scalar: Scalar, field: string, isBytes: boolean): string | undefined {
    switch (scalar) {
      case "number":
        return JSON_NUMBER.test(field) ? field : NO_NUMBER.test(field) ? `"${field}"` : undefined;
      case "bool":
        return field === "T" ? "true" : field === "F" ? "false" : undefined;
      case "text":
        if (field === this.#header.emptyField) return '""';
        if (!isBytes && PLAIN.test(field)) return `"${field}"`;
        return JSON.stringify(textOf(field, isBytes));
    }
  }
}

function column(name: string, type: string): Column {
  const inner = CONTAINER.exec(type)?.[1];
  const element = inner ?? type;
  const scalar = element === "bool" ? "bool" : NUMBERS.has(element) ? "number" : "text";
  return { name, member: `${JSON.stringify(name)}:`, type, scalar, isContainer: inner !== undefined };
}

function textOf(field: string, isBytes: boolean): string {
  if (!isBytes && !field.includes("\\")) return field;
  return utf8OrEscaped(unescapeField(isBytes ? field : byteString(field)));
}
