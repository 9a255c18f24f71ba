/** Reads the fields of a layout from unknown input. Each throws `invalid_layout` naming the field. */
import { FabricError } from "../base/errors.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function invalid(message: string): never {
  throw new FabricError("invalid_layout", message);
}

export function record(v: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof v !== "object" || v === null || Array.isArray(v)) return invalid(`${field} must be an object`);
  return v as Record<string, unknown>;
}

export function list(v: unknown, field: string, max: number): readonly unknown[] {
  if (!Array.isArray(v)) return invalid(`${field} must be an array`);
  return v.length <= max ? (v as unknown[]) : invalid(`${v.length} ${field}, at most ${max} are allowed`);
}

export function text(v: unknown, field: string): string {
  return typeof v === "string" ? v : invalid(`${field} must be a string`);
}

export function flag(v: unknown, field: string): boolean {
  return typeof v === "boolean" ? v : invalid(`${field} must be true or false`);
}

/** The name of a node: ASCII, 1 to 63 characters. */
export function name(v: unknown, field: string): string {
  const s = text(v, field);
  return NAME.test(s) ? s : invalid(`${field} must match ${NAME.source}`);
}

export function integer(v: unknown, field: string, min: number): number {
  return typeof v === "number" && Number.isSafeInteger(v) && v >= min
    ? v
    : invalid(`${field} must be an integer of at least ${min}`);
}

export function assertUnique(all: readonly string[], what: string): void {
  if (new Set(all).size !== all.length) invalid(`${what} must be unique`);
}
