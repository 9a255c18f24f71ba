/** The functions of a CPU profile by time. */
import { tableLines } from "../statistics.ts";
import type { CpuProfile, ProfileNode } from "./inspector.ts";

interface FunctionTime {
  readonly name: string;
  /** Milliseconds in the function itself, and with all it called. */
  readonly selfMs: number;
  readonly totalMs: number;
}

/** Time by function, the longest self time first. Native work counts for the function that asked for it. */
export function functionTimes(profile: CpuProfile): FunctionTime[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])),
  );
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  const add = (times: Map<string, number>, name: string, ms: number) =>
    times.set(name, (times.get(name) ?? 0) + ms);
  profile.samples.forEach((id, i) => {
    const ms = (profile.timeDeltas[i] ?? 0) / 1000;
    const leaf = nodes.get(id);
    if (leaf === undefined) return;
    add(self, nameOf(leaf), ms);
    const onStack = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at))
      onStack.add(nameOf(nodes.get(at)!));
    for (const name of onStack) add(total, name, ms);
  });
  return [...self]
    .map(([name, selfMs]) => ({ name, selfMs, totalMs: total.get(name) ?? selfMs }))
    .toSorted((a, b) => b.selfMs - a.selfMs);
}

/** The first `count` functions as a table, with shares of the time that was not idle. */
export function topLines(profile: CpuProfile, count: number): string[] {
  const times = functionTimes(profile);
  const busyMs = times.reduce((ms, f) => ms + (f.name.startsWith("(idle)") ? 0 : f.selfMs), 0);
  const share = (ms: number) => `${((100 * ms) / busyMs).toFixed(1)} %`;
  return tableLines([
    ["function", "self", "with callees"],
    ...times
      .filter((f) => !f.name.startsWith("(idle)"))
      .slice(0, count)
      .map((f) => [f.name, share(f.selfMs), share(f.totalMs)]),
  ]);
}

function nameOf(node: ProfileNode): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const place = url === "" ? "" : ` ${url.slice(url.lastIndexOf("/") + 1)}:${lineNumber + 1}`;
  return (functionName === "" ? "(anonymous)" : functionName) + place;
}
