/**
 * The digest of a pool key: what Zeek hashes of a value before it weighs the nodes, bit for bit. Upstream baselines
 * confirm string, count, real and boolean; the other types follow Zeek's binary descriptions, their odd NULs included.
 * Keys of the composite types are refused: Zeek hashes their declared type with them, which a value does not carry.
 * Source: Zeek's `HashKey` and `Val::Describe`, spec/cluster.md §7.2, §7.5.
 */
import { FabricError } from "../base/errors.ts";
import { formatAddress } from "../data/address.ts";
import { formatSubnet } from "../data/subnet.ts";
import type { PortProtocol, Value } from "../data/value.ts";
import { FNV_OFFSET, fnvByte, fnvBytes, fnvText, fnvUint32, utf8Length } from "./fnv.ts";

/** Releases of Zeek that map keys alike: 7.1 and later, 4.1 to 7.0, 2.6 to 4.0. */
export const HRW_GENERATIONS = ["7.1", "4.1", "2.6"] as const;
export type HrwGeneration = (typeof HRW_GENERATIONS)[number];

const TYPES = [
  "boolean",
  "integer",
  "count",
  "real",
  "timestamp",
  "timespan",
  "string",
  "enum-value",
  "port",
  "address",
  "subnet",
] as const;
type KeyType = (typeof TYPES)[number];

/** Zeek's type tags, in the order of TYPES. */
const TAGS: Readonly<Record<HrwGeneration, readonly number[]>> = {
  "7.1": [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12],
  "4.1": [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12],
  "2.6": [1, 2, 3, 5, 6, 7, 8, 10, 12, 13, 14],
};

type Starts = Readonly<Record<KeyType, number>>;

/** The state after each type's tag. */
const STARTS = Object.fromEntries(
  HRW_GENERATIONS.map((generation) => [
    generation,
    Object.fromEntries(TYPES.map((type, i) => [type, fnvUint32(FNV_OFFSET, TAGS[generation][i]!)])),
  ]),
) as Readonly<Record<HrwGeneration, Starts>>;

const NUL = 0;
const PROTOCOL_TEXT: Readonly<Record<PortProtocol, string>> = {
  "?": "unknown",
  tcp: "tcp",
  udp: "udp",
  icmp: "icmp",
};

/**
 * The digest of a key, 32 bits unsigned. An enum value needs the name of its type, `enumType`. Throws `invalid_data`
 * for a type that cannot be a key.
 */
export function keyDigest(key: Value, generation: HrwGeneration = "7.1", enumType?: string): number {
  const start = STARTS[generation];
  switch (key.type) {
    case "string":
      return stringDigest(key.value, generation);
    case "count":
    case "integer":
      return int64(start[key.type], key.value) >>> 0;
    case "boolean":
      return fnvUint32(fnvUint32(start.boolean, key.value ? 1 : 0), 0) >>> 0;
    case "real":
      return double(start.real, key.value) >>> 0;
    case "timestamp":
      return double(start.timestamp, Number(key.ns) / NS_PER_S) >>> 0;
    case "timespan":
      return interval(start.timespan, Number(key.ns) / NS_PER_S) >>> 0;
    case "address":
      return fnvByte(fnvText(start.address, formatAddress(key.bytes)), NUL) >>> 0;
    case "subnet":
      return fnvByte(fnvText(start.subnet, formatSubnet(key)), NUL) >>> 0;
    case "port":
      return portDigest(start.port, key.number, key.protocol, generation);
    case "enum-value":
      if (enumType === undefined) throw notAKey("an enum value without the name of its type");
      return fnvByte(fnvText(fnvText(start["enum-value"], enumType), key.name), NUL) >>> 0;
    default:
      throw notAKey(`a ${key.type}`);
  }
}

/** The digest of a key that is a string; also of a node's alias, which makes its site id. */
export function stringDigest(key: string | Uint8Array, generation: HrwGeneration = "7.1"): number {
  const isText = typeof key === "string";
  let h = FNV_OFFSET;
  if (generation !== "7.1") h = fnvUint32(STARTS[generation].string, isText ? utf8Length(key) : key.length);
  return (isText ? fnvText(h, key) : fnvBytes(h, key)) >>> 0;
}

function notAKey(what: string): FabricError {
  return new FabricError("invalid_data", `${what} cannot be the key of a pool`);
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const WORD = 2 ** 32;

/** Numbers of ordinary size are split without more bigints. */
function int64(h: number, value: bigint): number {
  if (value >= 0n && value <= SAFE) {
    const n = Number(value);
    return fnvUint32(fnvUint32(h, n >>> 0), Math.floor(n / WORD));
  }
  const low = Number(BigInt.asUintN(32, value));
  return fnvUint32(fnvUint32(h, low), Number(BigInt.asUintN(32, value >> 32n)));
}

const scratch = new DataView(new ArrayBuffer(8));

function double(h: number, value: number): number {
  scratch.setFloat64(0, value, true);
  return fnvUint32(fnvUint32(h, scratch.getUint32(0, true)), scratch.getUint32(4, true));
}

const NS_PER_S = 1e9;
const UNITS = [
  [86_400, "day"],
  [3_600, "hr"],
  [60, "min"],
  [1, "sec"],
  [1e-3, "msec"],
  [1e-6, "usec"],
] as const;
/** Zeek takes amounts this close for equal. */
const TOLERANCE = 1e-6;

/** Whole amounts of the larger units, the rest in microseconds; each a double, its unit, and "s" unless it is one. */
function interval(h: number, seconds: number): number {
  let rest = seconds;
  let parts = 0;
  for (const [unit, word] of UNITS) {
    const isLast = word === "usec";
    const amount = isLast ? rest / unit : Math.trunc(rest / unit);
    if (isLast ? Math.abs(amount) < TOLERANCE : amount === 0) continue;
    rest -= amount * unit;
    parts++;
    h = fnvByte(fnvText(double(h, amount), word), NUL);
    if (Math.abs(Math.abs(amount) - 1) >= TOLERANCE) h = fnvByte(fnvText(h, "s"), NUL);
  }
  return parts === 0 ? fnvByte(fnvText(h, "0 secs"), NUL) : h;
}

function portDigest(
  start: number,
  number: number,
  protocol: PortProtocol,
  generation: HrwGeneration,
): number {
  const h = fnvUint32(start, number);
  const name = PROTOCOL_TEXT[protocol];
  if (generation === "2.6") return fnvByte(fnvText(h, `/${name}`), NUL) >>> 0;
  return fnvText(fnvByte(fnvText(h, "/"), NUL), name) >>> 0;
}
