/** Numbers of happenings as text: "3,7-9,12"; "none" for the empty list. */

export function formatNumbers(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === n - 1) run[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(",") || "none";
}

export function parseNumbers(text: string): Set<number> {
  const numbers = new Set<number>();
  if (text === "none") return numbers;
  for (const part of text.split(",")) {
    const [first, last = first] = part.split("-").map(Number);
    if (first === undefined || last === undefined || !Number.isSafeInteger(first + last)) {
      throw new Error(`'${part}' is not a number or a range of numbers`);
    }
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return numbers;
}
