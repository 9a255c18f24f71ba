/** Pools from layouts as the vectors write them, and keys as they write those. */
import { parseAddress } from "../../src/data/address.ts";
import { parseSubnet } from "../../src/data/subnet.ts";
import { boolean, count, integer, port, real, string, timestamp, type Value } from "../../src/data/value.ts";
import type { HrwGeneration } from "../../src/cluster/key-digest.ts";
import { parseNodes, type NodeName } from "../../src/cluster/node.ts";
import { setUpPools, type PoolSet } from "../../src/cluster/pool-setup.ts";
import type { PoolNodeType, PoolSpec } from "../../src/cluster/pool-spec.ts";
import { PoolViews } from "../../src/cluster/pool-views.ts";
import { Pools } from "../../src/cluster/pools.ts";
import { parseTopicNames } from "../../src/cluster/topic-names.ts";
import type { ViewId } from "../../src/protocol/member-frame.ts";
import { parseTopic } from "../../src/protocol/topic.ts";

/** A pool as pool-setup.json writes it; its topic serves as its name. */
export interface VectorSpec {
  readonly topic: string;
  readonly nodeType: string;
  readonly maxNodes?: number;
  readonly exclusive?: boolean;
}

export function setUpVector(
  layout: Readonly<Record<string, string>>,
  specs: readonly VectorSpec[],
  managerIsLogger: boolean,
  generation: HrwGeneration = "7.1",
): PoolSet {
  const nodes = parseNodes(Object.entries(layout).map(([name, nodeType]) => ({ name, nodeType })));
  return setUpPools({
    specs: specs.map((spec): PoolSpec => ({
      ...spec,
      name: spec.topic,
      topic: parseTopic(spec.topic),
      nodeType: spec.nodeType as PoolNodeType,
      exclusive: spec.exclusive ?? false,
    })),
    nodes,
    managerIsLogger,
    topicNames: parseTopicNames(generation === "2.6" ? "bro" : "zeek"),
    generation,
  });
}

/** One pool, "p", of these proxies, of which some are alive. */
export function onePool(
  names: readonly string[],
  alive: readonly string[] = names,
  options: { readonly generation?: HrwGeneration; readonly local?: NodeName } = {},
): Pools {
  const layout = Object.fromEntries(names.map((name) => [name, "PROXY"]));
  const members = setUpVector(layout, [{ topic: "p", nodeType: "PROXY" }], false, options.generation);
  const pools = new Pools(new PoolViews(members, options.local));
  pools.views.advance(viewId(1), nodeNames(alive));
  return pools;
}

/** The view with this number, of one life of Membership. */
export function viewId(number: number, life = "life-1"): ViewId {
  return { life, number };
}

export function nodeNames(names: Iterable<string>): NodeName[] {
  return [...names] as NodeName[];
}

/** A key from a vector: `count` and `int` as numbers or decimal texts, bytes as `{bytesHex}`. */
export function keyOf(type: string, value: unknown): Value {
  switch (type) {
    case "string":
      return string(
        typeof value === "string" ? value : Buffer.from((value as { bytesHex: string }).bytesHex, "hex"),
      );
    case "count":
      return count(BigInt(value as string));
    case "int":
      return integer(BigInt(value as string));
    case "double":
      return real(value as number);
    case "bool":
      return boolean(value as boolean);
    case "time":
      return timestamp(BigInt(Math.round((value as number) * 1e6)) * 1_000n);
    case "port": {
      const { num, proto } = value as { num: number; proto: string };
      return port(num, proto === "unknown" ? "?" : (proto as "tcp"));
    }
    case "addr":
      return parseAddress(value as string);
    case "subnet":
      return parseSubnet(value as string);
    default:
      throw new Error(`no key of type ${type}`);
  }
}
