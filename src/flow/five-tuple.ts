/**
 * The 5-tuple of a flow and its symmetric digest: FNV-1a over the ordered end points and the protocol, so that both
 * directions of a flow, and every observer, get the same number (design.md, open point 9).
 */
import { fnvByte, fnvBytes, FNV_OFFSET } from "../cluster/fnv.ts";

/** One end of a flow: an address as 16 bytes (IPv4 mapped), and a port; 0 where the protocol has none. */
export interface EndPoint {
  readonly address: Uint8Array;
  readonly port: number;
}

export interface FiveTuple {
  readonly source: EndPoint;
  readonly destination: EndPoint;
  /** Number of the IP protocol: 6 TCP, 17 UDP, 1 ICMP. */
  readonly protocol: number;
}

/** 32 bits, unsigned; the same for both directions. */
export function flowDigest({ source, destination, protocol }: FiveTuple): number {
  const isOrdered = compare(source, destination) <= 0;
  const [first, second] = isOrdered ? [source, destination] : [destination, source];
  return fnvByte(hashed(hashed(FNV_OFFSET, first), second), protocol) >>> 0;
}

function hashed(h: number, { address, port }: EndPoint): number {
  return fnvByte(fnvByte(fnvBytes(h, address), port & 0xff), port >>> 8);
}

/** By address, bytewise, then by port. */
function compare(a: EndPoint, b: EndPoint): number {
  for (let i = 0; i < a.address.length; i++) {
    const difference = a.address[i]! - b.address[i]!;
    if (difference !== 0) return difference;
  }
  return a.port - b.port;
}

/** The other direction of the same flow. */
export function reversed({ source, destination, protocol }: FiveTuple): FiveTuple {
  return { source: destination, destination: source, protocol };
}
