/** The flows of Zeek's connection records: `conn.log` lines, and those of every other log that carries `id`. */
import { FabricError } from "../base/errors.ts";
import { parseAddress } from "../data/address.ts";
import { parseHeaderLine, type TsvHeader } from "../logs/tsv.ts";
import type { FiveTuple } from "./five-tuple.ts";

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };
const PORT_MAX = 65_535;
const FIELDS = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"] as const;
/** Of conn.log alone; other logs do not have them. */
const CONN_FIELDS = ["conn_state", "service"] as const;
type Field = (typeof FIELDS)[number] | (typeof CONN_FIELDS)[number];
/** How Zeek's TSV writes what is not set. */
const UNSET = "-";

/** A connection: its flow, seen from the originator; `state` and `service` as in conn.log, "" where there is none. */
export interface ConnRecord {
  readonly type: "record";
  readonly flow: FiveTuple;
  readonly state: string;
  readonly service: string;
}

/** What a line is: a header or comment, which belongs to every part of a file, or a record with its flow. */
export type ConnLine =
  { readonly type: "header" } | ConnRecord | { readonly type: "broken"; readonly reason: string };

/** Reads the lines of one file, TSV or JSON, in order. */
export class ConnLines {
  #header: TsvHeader | undefined;

  read(line: string): ConnLine {
    if (line === "" || line.startsWith("#")) {
      this.#header = parseHeaderLine(this.#header, line);
      return { type: "header" };
    }
    try {
      const field = line.startsWith("{") ? jsonFields(line) : this.#tsvFields(line);
      const [state, service] = [textOf(field("conn_state")), textOf(field("service"))];
      return { type: "record", flow: flowOf(field), state, service };
    } catch (error) {
      if (error instanceof FabricError) return { type: "broken", reason: error.message };
      throw error;
    }
  }

  #tsvFields(line: string): (field: Field) => unknown {
    const header = this.#header;
    if (header === undefined) throw new FabricError("invalid_data", "there is no #fields line before it");
    const values = line.split(header.separator);
    return (field) => values[header.fields.indexOf(field)];
  }
}

function jsonFields(line: string): (field: Field) => unknown {
  try {
    const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return (field) => record[field];
  } catch {
    throw new FabricError("invalid_data", "it is no JSON");
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" && value !== UNSET ? value : "";
}

function flowOf(field: (name: Field) => unknown): FiveTuple {
  const proto = field("proto");
  return {
    source: { address: addressOf(field, "id.orig_h"), port: portOf(field, "id.orig_p") },
    destination: { address: addressOf(field, "id.resp_h"), port: portOf(field, "id.resp_p") },
    protocol: (typeof proto === "string" ? PROTOCOLS[proto] : undefined) ?? 0,
  };
}

function addressOf(field: (name: Field) => unknown, name: Field): Uint8Array {
  const text = field(name);
  if (typeof text !== "string") throw new FabricError("invalid_data", `it has no ${name}`);
  return parseAddress(text).bytes;
}

function portOf(field: (name: Field) => unknown, name: Field): number {
  const port = Number(field(name));
  if (Number.isInteger(port) && port >= 0 && port <= PORT_MAX) return port;
  throw new FabricError("invalid_data", `${name} is no port`);
}
