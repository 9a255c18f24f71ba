/** What balancers in the network are told: a MAC address for each worker, flow tables of switches, packet filters. */
import { FNV_OFFSET, fnvText } from "../cluster/fnv.ts";
import { formatAddress } from "../data/address.ts";
import { isIPv4 } from "../data/value.ts";
import type { Balancer } from "./balancer.ts";
import { reversed, type EndPoint, type FiveTuple } from "./five-tuple.ts";

/** First byte of a MAC address that is locally administered and names one station. */
const LOCAL_UNICAST = 0x02;
const IPV4_OFFSET = 12;

/**
 * The destination MAC address that a balancer writes into all packets of a worker, `02:00:xx:xx:xx:xx`: it names the
 * worker alone, so it is the same for every flow of it and survives restarts.
 */
export function macOf(worker: string): string {
  const id = fnvText(FNV_OFFSET, worker) >>> 0;
  const bytes = [LOCAL_UNICAST, 0, id >>> 24, (id >>> 16) & 0xff, (id >>> 8) & 0xff, id & 0xff];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** An entry of an OpenFlow table: what it matches, and the port that packets go out by. */
export interface FlowEntry {
  readonly match: {
    readonly eth_type: 0x0800 | 0x86dd;
    readonly ip_proto: number;
    readonly src: string;
    readonly dst: string;
    readonly src_port: number;
    readonly dst_port: number;
  };
  readonly output: number;
}

/** The entries of a flow, one for each direction; none when nobody takes it. `ports`: the switch's port of each worker. */
export function flowEntries(
  flow: FiveTuple,
  balancer: Balancer,
  ports: ReadonlyMap<string, number>,
): readonly FlowEntry[] {
  const worker = balancer.workerOf(flow);
  const output = worker === undefined ? undefined : ports.get(worker);
  if (output === undefined) return [];
  return [flow, reversed(flow)].map(({ source, destination, protocol }) => ({
    match: {
      eth_type: isIPv4(source.address) ? 0x0800 : 0x86dd,
      ip_proto: protocol,
      src: formatAddress(source.address),
      dst: formatAddress(destination.address),
      src_port: source.port,
      dst_port: destination.port,
    },
    output,
  }));
}

/**
 * A BPF expression under which the i-th of n workers sees its own IPv4 flows and no others, for interfaces that can
 * filter and not balance: the sum of the two addresses' last 16 bits, modulo n, is the same both ways.
 */
export function workerFilter(i: number, n: number): string {
  const sum = "(ip[14:2] + ip[18:2])";
  return `ip and ${sum} - ${n} * (${sum} / ${n}) = ${i}`;
}

/** Whether `workerFilter` lets packets of the flow through: what a capture with it would see. */
export function passesFilter({ source, destination }: FiveTuple, i: number, n: number): boolean {
  if (!isIPv4(source.address)) return false;
  return (lowBits(source) + lowBits(destination)) % n === i;
}

function lowBits({ address }: EndPoint): number {
  return (address[IPV4_OFFSET + 2]! << 8) | address[IPV4_OFFSET + 3]!;
}
