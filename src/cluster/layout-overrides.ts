/** Entries with names, laid over others: an entry replaces that of its name or is added, a removal takes it out. */
import { assertUnique, exactRecord, flag, invalid, list, record, text } from "./layout-fields.ts";

export interface Named {
  readonly name: string;
}

/** Takes the entry of this name out. */
interface Removal extends Named {
  readonly removed: true;
}

export type Override<T extends Named> = T | Removal;

function isRemoval(override: object): override is Removal {
  return "removed" in override;
}

/**
 * Overrides from unknown input; `parse` reads the entries among them, all at once. Names are unique, removals come
 * first. Throws `invalid_layout`.
 */
export function parseOverrides<T extends Named>(
  input: unknown,
  field: string,
  max: number,
  parse: (entries: unknown, field: string) => readonly T[],
): readonly Override<T>[] {
  const all = list(input, field, max).map((item) => record(item, `${field}[]`));
  const removals = all.filter(isRemoval).map((item): Removal => {
    const removal = exactRecord(item, `${field}[]`, ["name", "removed"]);
    if (!flag(removal["removed"], `${field}[].removed`)) invalid(`${field}[].removed must be true`);
    return { name: text(removal["name"], `${field}[].name`), removed: true };
  });
  const overrides = [
    ...removals,
    ...parse(
      all.filter((item) => !isRemoval(item)),
      field,
    ),
  ];
  assertUnique(
    overrides.map(({ name }) => name),
    `${field} changed at run time`,
  );
  return overrides;
}

/** The entries with the overrides laid over them, in their order, new ones last. */
export function applyOverrides<T extends Named>(
  entries: readonly T[],
  overrides: readonly Override<T>[],
): readonly T[] {
  if (overrides.length === 0) return entries;
  const byName = new Map(overrides.map((override) => [override.name, override]));
  const kept = entries.flatMap((entry) => {
    const override = byName.get(entry.name);
    byName.delete(entry.name);
    if (override === undefined) return [entry];
    return isRemoval(override) ? [] : [override];
  });
  return [...kept, ...[...byName.values()].filter((override): override is T => !isRemoval(override))];
}

/** The fewest overrides that make the wanted entries from these. */
export function overridesBetween<T extends Named>(
  entries: readonly T[],
  wanted: readonly T[],
): readonly Override<T>[] {
  const names = new Set(wanted.map(({ name }) => name));
  const before = new Map(entries.map((entry) => [entry.name, entry]));
  const removals = entries.filter(({ name }) => !names.has(name));
  return [
    ...removals.map(({ name }): Removal => ({ name, removed: true })),
    ...wanted.filter((entry) => {
      const old = before.get(entry.name);
      return old === undefined || changedFields(old, entry).length > 0;
    }),
  ];
}

/** Names of the fields in which two entries differ. Entries are parsed, so nested ones have their fields in one order. */
export function changedFields(a: object, b: object): readonly string[] {
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]),
  );
}
