/** The text of addresses (spec/websocket-json.md §8.4, RFC 4291, RFC 5952 but for its embedded IPv4 forms). */
import { FabricError } from "../base/errors.ts";
import { address, ADDRESS_BYTES, isIPv4, type AddressValue } from "./value.ts";

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39] as const;
const IPV4_BYTES = 4;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const GROUPS = 8;
/** The longest text: eight groups of four, or six and an IPv4 address. */
const TEXT_MAX = 45;

/** An address from `1.2.3.4` or IPv6 text, no zone, no brackets, no blanks. Throws `invalid_data`. */
export function parseAddress(text: string): AddressValue {
  const bytes = text.length > TEXT_MAX ? undefined : text.includes(":") ? ipv6(text) : ipv4(text);
  if (bytes === undefined) {
    throw new FabricError("invalid_data", "address: not an IPv4 or IPv6 address", {
      details: { type: "address" },
    });
  }
  return address(bytes);
}

/** Four decimal octets without leading zeros. */
function ipv4(text: string): Uint8Array | undefined {
  const out = new Uint8Array(IPV4_BYTES);
  let at = 0;
  for (let octet = 0; octet < IPV4_BYTES; octet++) {
    if (octet > 0 && text.charCodeAt(at++) !== DOT) return undefined;
    const from = at;
    let value = 0;
    for (let c = text.charCodeAt(at); c >= ZERO && c <= NINE; c = text.charCodeAt(++at))
      value = value * 10 + c - ZERO;
    const digits = at - from;
    if (digits === 0 || value > 255 || (digits > 1 && text.charCodeAt(from) === ZERO)) return undefined;
    out[octet] = value;
  }
  return at === text.length ? out : undefined;
}

function ipv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const zeros = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return undefined;
  const out = new Uint8Array(ADDRESS_BYTES);
  head.forEach((group, i) => put(out, i, group));
  tail.forEach((group, i) => put(out, head.length + zeros + i, group));
  return out;
}

function put(out: Uint8Array, index: number, group: number): void {
  out[2 * index] = group >> 8;
  out[2 * index + 1] = group & 0xff;
}

/** The groups of one side of `::`; an IPv4 address may stand for the last two of the whole address. */
function groups(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      out.push(parseInt(part, 16));
    } else if (atEnd && i === parts.length - 1) {
      const v4 = ipv4(part);
      if (v4 === undefined) return undefined;
      out.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
    } else {
      return undefined;
    }
  }
  return out;
}

/** The canonical text of 16 address bytes. */
export function formatAddress(bytes: Uint8Array): string {
  if (isIPv4(bytes)) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  const all: number[] = [];
  for (let i = 0; i < ADDRESS_BYTES; i += 2) all.push((bytes[i]! << 8) | bytes[i + 1]!);
  const run = longestZeroRun(all);
  const hex = (list: readonly number[]) => list.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return hex(all);
  return `${hex(all.slice(0, run.start))}::${hex(all.slice(run.start + run.length))}`;
}

function longestZeroRun(all: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < all.length; i++) {
    let end = i;
    while (end < all.length && all[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = Math.max(i, end - 1);
  }
  return best;
}
