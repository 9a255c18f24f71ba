/** Records of plain numbers under fixed names, as the loss ledger keeps them (rule 38). */

export type Counts<K extends string> = Record<K, number>;

/** All names at 0. */
export function zeroCounts<K extends string>(names: readonly K[]): Counts<K> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Counts<K>;
}

/** Adds what `from` has under the same names; names that it has not count as 0. */
export function addCounts<K extends string>(into: Counts<K>, from: Readonly<Partial<Counts<K>>>): void {
  for (const name of Object.keys(into) as K[]) into[name] += Number(from[name] ?? 0);
}

/** Whether both have the same numbers under the names of the first. */
export function isSameCounts<K extends string>(a: Readonly<Counts<K>>, b: Readonly<Counts<K>>): boolean {
  for (const name in a) if (a[name] !== b[name]) return false;
  return true;
}

export function sumCounts(counts: Readonly<Counts<string>>): number {
  let sum = 0;
  for (const name in counts) sum += counts[name]!;
  return sum;
}

/** A side of a ledger that is `events` short of what went into it, in words; none when it balances. */
export function imbalance(side: string, events: number): string[] {
  if (events > 0) return [`${side}: ${events} events are not accounted for`];
  return events < 0 ? [`${side}: ${-events} events too many are accounted for`] : [];
}

/** Counts that cannot be, in words. */
export function negativeCounts(counts: Readonly<Counts<string>>): string[] {
  return Object.entries(counts).flatMap(([name, count]) =>
    count < 0 ? [`${name} is negative: ${count}`] : [],
  );
}
