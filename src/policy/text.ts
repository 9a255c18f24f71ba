/** Texts in the arguments of events. */
import type { Value } from "../data/value.ts";

/** The text of a string or enum; "" for any other value, and for a string that is not UTF-8. */
export function textOf(value: Value | undefined): string {
  if (value?.type === "enum-value") return value.name;
  return value?.type === "string" && typeof value.value === "string" ? value.value : "";
}
