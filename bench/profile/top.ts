/** The functions of a CPU profile by time. */
import { tableLines } from "../statistics.ts";
import type { CpuProfile, ProfileNode } from "./inspector.ts";

interface FunctionTime {
  readonly name: string;
  /** Milliseconds in the function itself, and with all it called. */
  readonly selfMs: number;
  readonly totalMs: number;
}

/** Names the source of a line (from 1) of the profiled module. */
export type SourceOf = (line: number) => string;

/** The source file of a line in an esbuild bundle, which names each module in a comment before its code. */
export function sourceOfBundle(bundle: string): SourceOf {
  let file = "";
  const files = bundle.split("\n").map((line) => (file = /^\/\/ (\S+\.[cm]?[jt]s)$/.exec(line)?.[1] ?? file));
  return (line) => files[line - 1] ?? "";
}

/** Time by function, the longest self time first. Native work counts for the function that asked for it. */
function functionTimes(profile: CpuProfile, sourceOf: SourceOf): FunctionTime[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, { name: nameOf(node, sourceOf) }]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])),
  );
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  const add = (times: Map<string, number>, name: string, ms: number) =>
    times.set(name, (times.get(name) ?? 0) + ms);
  profile.samples.forEach((id, i) => {
    const ms = (profile.timeDeltas[i] ?? 0) / 1000;
    const onStack = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = nodes.get(at);
      if (node !== undefined) onStack.add(node.name);
    }
    const [leaf] = onStack;
    if (leaf !== undefined) add(self, leaf, ms);
    for (const name of onStack) add(total, name, ms);
  });
  return [...self]
    .map(([name, selfMs]) => ({ name, selfMs, totalMs: total.get(name) ?? selfMs }))
    .toSorted((a, b) => b.selfMs - a.selfMs);
}

/** The first `count` functions as a table, with shares of the time that was not idle. */
export function topLines(profile: CpuProfile, sourceOf: SourceOf, count: number): string[] {
  const times = functionTimes(profile, sourceOf).filter((f) => f.name !== "(idle)");
  const busyMs = times.reduce((ms, f) => ms + f.selfMs, 0);
  const share = (ms: number) => `${((100 * ms) / busyMs).toFixed(1)} %`;
  return tableLines([
    ["function", "self", "with callees"],
    ...times.slice(0, count).map((f) => [f.name, share(f.selfMs), share(f.totalMs)]),
  ]);
}

function nameOf(node: ProfileNode, sourceOf: SourceOf): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const line = lineNumber + 1;
  return `${name} ${url.startsWith("node-internal:") ? url : `${sourceOf(line)} (line ${line} of the bundle)`}`;
}
