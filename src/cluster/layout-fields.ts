/**
 * Reads the fields of a layout from unknown input. Each throws `invalid_layout` naming the field, what it must be and
 * what it is; `details` has the same as `field`, `type` and, where there is one, `bound`.
 */
import { FabricError } from "../base/errors.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function invalid(message: string, details: Record<string, unknown> = {}): never {
  throw new FabricError("invalid_layout", message, { details });
}

export function record(v: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof v !== "object" || v === null || Array.isArray(v)) return wrong(v, field, "an object");
  return v as Record<string, unknown>;
}

/** An object with no other fields than these: a misspelt one would say nothing. */
export function exactRecord(
  v: unknown,
  field: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  const all = record(v, field);
  const other = Object.keys(all).find((key) => !known.includes(key));
  if (other !== undefined) {
    const message = `${field} has no field ${other}; its fields are ${known.join(", ")}`;
    return invalid(message, { field: `${field}.${other}` });
  }
  return all;
}

export function list(v: unknown, field: string, max: number): readonly unknown[] {
  if (!Array.isArray(v)) return wrong(v, field, "an array");
  if (v.length <= max) return v as unknown[];
  return invalid(`${v.length} ${field}, at most ${max} are allowed`, { field, bound: max });
}

export function text(v: unknown, field: string): string {
  return typeof v === "string" ? v : wrong(v, field, "a string");
}

export function flag(v: unknown, field: string): boolean {
  return typeof v === "boolean" ? v : wrong(v, field, "true or false");
}

/** The name of a node, a router or a pool: ASCII, 1 to 63 characters. */
export function name(v: unknown, field: string): string {
  const s = text(v, field);
  return NAME.test(s) ? s : invalid(`${field} must match ${NAME.source}`, { field, type: "string" });
}

export function integer(v: unknown, field: string, min: number, max: number = Infinity): number {
  if (typeof v !== "number" || !Number.isSafeInteger(v) || v < min) {
    return wrong(v, field, `an integer of at least ${min}`, min);
  }
  return v <= max ? v : invalid(`${field} must be at most ${max}, not ${v}`, { field, bound: max });
}

/** One of a few texts. */
export function choice<T extends string>(v: unknown, field: string, all: readonly T[]): T {
  const found = all.find((one) => one === v);
  return found ?? wrong(v, field, `one of ${all.join(", ")}`);
}

export function assertUnique(all: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const one of all) {
    if (seen.has(one)) invalid(`${what} must be unique: ${JSON.stringify(one)} is there twice`);
    seen.add(one);
  }
}

function wrong(v: unknown, field: string, wanted: string, bound?: number): never {
  const type = v === null ? "null" : Array.isArray(v) ? "array" : typeof v;
  const is = type === "string" || type === "number" ? `the ${type} ${shown(v)}` : `of type ${type}`;
  return invalid(`${field} must be ${wanted}; it is ${is}`, {
    field,
    type,
    ...(bound === undefined ? {} : { bound }),
  });
}

const SHOWN_MAX = 40;

/** A value as people read it in a message; long ones are cut. */
function shown(v: unknown): string {
  const full = typeof v === "string" ? JSON.stringify(v) : String(v);
  return full.length <= SHOWN_MAX ? full : `${full.slice(0, SHOWN_MAX)}…`;
}
