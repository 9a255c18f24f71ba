/** Flow balancing: both directions together, stable, even, and what the network is told of it. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../src/data/address.ts";
import { HrwBalancer, StagedBalancer, type Balancer } from "../../../src/flow/balancer.ts";
import { ConnLines } from "../../../src/flow/conn-lines.ts";
import { flowDigest, reversed, type FiveTuple } from "../../../src/flow/five-tuple.ts";
import { consumerOf, Frontend, Tap, type Packet } from "../../../src/flow/frontend.ts";
import { flowEntries, macOf, passesFilter, workerFilter } from "../../../src/flow/outputs.ts";
import { sizeCluster } from "../../../src/flow/sizing.ts";

const flow = (from: string, fromPort: number, to: string, toPort: number, protocol = 6): FiveTuple => ({
  source: { address: parseAddress(from).bytes, port: fromPort },
  destination: { address: parseAddress(to).bytes, port: toPort },
  protocol,
});
const workers = (n: number) => Array.from({ length: n }, (_, i) => `worker-${i + 1}`);
/** Many flows between few hosts, as networks have them. */
const flows = Array.from({ length: 10_000 }, (_, i) =>
  flow(
    `10.0.${i % 7}.${i % 251}`,
    1_024 + (i % 60_000),
    `192.0.2.${i % 13}`,
    [80, 443, 53][i % 3]!,
    i % 3 === 2 ? 17 : 6,
  ),
);
const arbitraryFlow = fc.record({
  source: fc.record({ address: fc.uint8Array({ minLength: 16, maxLength: 16 }), port: fc.nat(65_535) }),
  destination: fc.record({ address: fc.uint8Array({ minLength: 16, maxLength: 16 }), port: fc.nat(65_535) }),
  protocol: fc.nat(255),
});

describe("the digest of a flow", () => {
  test("[D2] is the same for both directions, and the ports, addresses and protocol are part of it", () => {
    fc.assert(
      fc.property(arbitraryFlow, (one) => {
        expect(flowDigest(reversed(one))).toBe(flowDigest(one));
      }),
    );
    const one = flow("10.0.0.1", 1_000, "10.0.0.2", 80);
    const others = [
      flow("10.0.0.1", 1_001, "10.0.0.2", 80),
      flow("10.0.0.1", 1_000, "10.0.0.2", 81),
      flow("10.0.0.3", 1_000, "10.0.0.2", 80),
      flow("10.0.0.1", 1_000, "10.0.0.2", 80, 17),
      flow("10.0.0.1", 80, "10.0.0.2", 1_000),
    ];
    expect(new Set([one, ...others].map(flowDigest)).size).toBe(6);
  });

  test("is FNV-1a over the ordered end points", () => {
    // 16 bytes of each address, the ports little-endian, the protocol: by an implementation apart.
    const bytes = Buffer.concat([
      Buffer.from("00000000000000000000ffff0a000001", "hex"),
      Buffer.from([0xe8, 0x03]),
      Buffer.from("00000000000000000000ffff0a000002", "hex"),
      Buffer.from([80, 0]),
      Buffer.from([6]),
    ]);
    let h = 2_166_136_261n;
    for (const byte of bytes) h = ((h ^ BigInt(byte)) * 16_777_619n) % 2n ** 32n;
    expect(flowDigest(flow("10.0.0.2", 80, "10.0.0.1", 1_000))).toBe(Number(h));
  });
});

describe("from the tap to the workers", () => {
  test("[D1] the tap copies each packet to the frontend once, in order", () => {
    const tap = new Tap<number>();
    const [seen, also]: [number[], number[]] = [[], []];
    tap.attach(({ data }) => seen.push(data));
    tap.attach(({ data }) => also.push(data));
    flows.slice(0, 100).forEach((one, data) => tap.feed({ flow: one, data }));
    expect(seen).toEqual([...Array(100).keys()]);
    expect(also).toEqual(seen);
  });

  test("[D2] the frontend gives both directions of a flow to one worker", () => {
    const at = new Map<string, Set<number>>();
    const frontend = new Frontend<number>(new HrwBalancer(workers(4)), (worker, { data }) => {
      at.set(worker, (at.get(worker) ?? new Set()).add(data));
    });
    flows.forEach((one, data) => {
      frontend.take({ flow: one, data });
      frontend.take({ flow: reversed(one), data });
    });
    expect([...at.values()].reduce((sum, own) => sum + own.size, 0)).toBe(flows.length);
    expect([at.size, frontend.unassigned]).toEqual([4, 0]);
  });

  test("packets that nobody takes are counted", () => {
    const frontend = new Frontend<number>(new HrwBalancer([]), () => undefined);
    frontend.take({ flow: flows[0]!, data: 1 });
    expect(frontend.unassigned).toBe(1);
  });

  test("[D20] consumers of one feed share its flows without overlap", () => {
    const balancer = new HrwBalancer(workers(3));
    const taken = workers(3).map(() => [] as number[]);
    const tap = new Tap<number>();
    workers(3).forEach((worker, i) =>
      tap.attach(consumerOf(balancer, worker, ({ data }) => taken[i]!.push(data))),
    );
    flows.forEach((one, data) => tap.feed({ flow: one, data }));
    expect(taken.flat().toSorted((a, b) => a - b)).toEqual([...flows.keys()]);
    for (const own of taken) expect(own.length).toBeGreaterThan(flows.length / 3 / 1.1);
  });

  test("[D21] any function of the flow can balance", () => {
    const byPort: Balancer = {
      workerOf: ({ source, destination }) =>
        Math.min(source.port, destination.port) === 53 ? "dns" : "rest",
    };
    const seen = new Set<string>();
    const frontend = new Frontend<undefined>(byPort, (worker, { flow: one }: Packet<undefined>) => {
      seen.add(worker);
      expect(worker === "dns").toBe([one.source.port, one.destination.port].includes(53));
    });
    for (const one of flows) frontend.take({ flow: one, data: undefined });
    expect(seen).toEqual(new Set(["dns", "rest"]));
  });
});

describe("[D15] more workers", () => {
  test.each([1, 3, 4, 16])("beside %i: one more takes about its share, and moves nothing else", (n) => {
    const [before, after] = [new HrwBalancer(workers(n)), new HrwBalancer(workers(n + 1))];
    const moved = flows.filter((one) => before.workerOf(one) !== after.workerOf(one));
    expect(moved.every((one) => after.workerOf(one) === `worker-${n + 1}`)).toBe(true);
    const share = moved.length / flows.length;
    expect(share).toBeGreaterThan(0.85 / (n + 1));
    expect(share).toBeLessThan(1.15 / (n + 1));
  });
});

test("[D16] in two stages, network and host, flows stay whole, and only a host's own workers share its part", () => {
  const hosts = { "host-1": ["w1", "w2"], "host-2": ["w3", "w4", "w5"] };
  const staged = new StagedBalancer(hosts);
  const seen = new Set<string>();
  for (const one of flows) {
    const worker = staged.workerOf(one)!;
    expect(staged.workerOf(reversed(one))).toBe(worker);
    expect(hosts[staged.hostOf(one) as keyof typeof hosts]).toContain(worker);
    seen.add(worker);
  }
  expect(seen.size).toBe(5);
  const grown = new StagedBalancer({ ...hosts, "host-1": ["w1", "w2", "w6"] });
  const moved = flows.filter((one) => staged.workerOf(one) !== grown.workerOf(one));
  expect(moved.length).toBeGreaterThan(0);
  expect(moved.every((one) => grown.workerOf(one) === "w6")).toBe(true);
});

describe("what the network is told", () => {
  test("[D17] a worker's MAC address is its own, constant, and locally administered", () => {
    const macs = workers(1_000).map(macOf);
    expect(new Set(macs).size).toBe(1_000);
    expect(macOf("worker-1")).toBe(macs[0]);
    expect(macs.every((mac) => /^02:00(:[0-9a-f]{2}){4}$/.test(mac))).toBe(true);
    const balancer = new HrwBalancer(workers(4));
    for (const one of flows.slice(0, 500)) {
      expect(macOf(balancer.workerOf(one)!)).toBe(macOf(balancer.workerOf(reversed(one))!));
    }
  });

  test("[D18] each worker's filter lets its own stream through: every flow passes one, both ways", () => {
    for (const one of flows) {
      const passed = [0, 1, 2, 3].filter((i) => passesFilter(one, i, 4));
      expect(passed).toHaveLength(1);
      expect(passesFilter(reversed(one), passed[0]!, 4)).toBe(true);
    }
    const [ten, six] = [flow("10.0.0.1", 1, "10.0.0.2", 2), flow("2001:db8::1", 1, "2001:db8::2", 2)];
    // (0x0001 + 0x0002) mod 4 = 3.
    expect([0, 1, 2, 3].filter((i) => passesFilter(ten, i, 4))).toEqual([3]);
    expect([0, 1, 2, 3].filter((i) => passesFilter(six, i, 4))).toEqual([]);
    expect(workerFilter(3, 4)).toBe("ip and (ip[14:2] + ip[18:2]) - 4 * ((ip[14:2] + ip[18:2]) / 4) = 3");
  });

  test("[D19] a flow gets an entry for each direction, to the port of its worker", () => {
    const balancer = new HrwBalancer(workers(2));
    const ports = new Map([
      ["worker-1", 11],
      ["worker-2", 12],
    ]);
    const one = flow("10.0.0.1", 1_000, "10.0.0.2", 80);
    const output = ports.get(balancer.workerOf(one)!)!;
    const match = { eth_type: 0x0800, ip_proto: 6 };
    expect(flowEntries(one, balancer, ports)).toEqual([
      { match: { ...match, src: "10.0.0.1", dst: "10.0.0.2", src_port: 1_000, dst_port: 80 }, output },
      { match: { ...match, src: "10.0.0.2", dst: "10.0.0.1", src_port: 80, dst_port: 1_000 }, output },
    ]);
    expect(flowEntries(flow("2001:db8::1", 1, "2001:db8::2", 2), balancer, ports)[0]?.match.eth_type).toBe(
      0x86dd,
    );
    expect(flowEntries(one, new HrwBalancer([]), ports)).toEqual([]);
  });
});

test.each([
  [2_048, 8, 2],
  [250, 1, 1],
  [374, 1, 1],
  [375, 2, 1],
  [1, 1, 1],
  [10_000, 40, 10],
])("[D14] %i Mbit/s need %i cores, on %i hosts with four", (mbps, cores, hosts) => {
  expect(sizeCluster(mbps)).toEqual({ cores, hosts });
});

describe("connection records", () => {
  const sample = readFileSync("test/samples/demo/conn.log", "utf8").trimEnd().split("\n");

  test("of a log: every record has a flow, headers belong to all", () => {
    const lines = new ConnLines();
    const read = sample.map((line) => lines.read(line));
    expect(read.filter(({ type }) => type === "header").length).toBe(
      sample.filter((line) => line.startsWith("#")).length,
    );
    expect(read.filter(({ type }) => type === "broken")).toEqual([]);
    expect(read.filter(({ type }) => type === "record").length).toBeGreaterThan(10);
  });

  test("in JSON and in TSV are the same flow", () => {
    const json = new ConnLines().read(
      '{"id.orig_h":"10.0.0.1","id.orig_p":1000,"id.resp_h":"10.0.0.2","id.resp_p":80,"proto":"tcp","conn_state":"SF","service":"http"}',
    );
    const tsv = new ConnLines();
    tsv.read("#separator \\x09");
    tsv.read("#fields\tproto\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tconn_state\tservice");
    const read = ["SF\thttp", "SF\t-"].map((end) => tsv.read(`tcp\t10.0.0.1\t1000\t10.0.0.2\t80\t${end}`));
    const of = { type: "record", flow: flow("10.0.0.1", 1_000, "10.0.0.2", 80), state: "SF" };
    const expected = { ...of, service: "http" };
    expect([json, ...read]).toEqual([expected, expected, { ...of, service: "" }]);
  });

  test.each([
    ["{", "it is no JSON"],
    ["{}", "it has no id.orig_h"],
    ["a\tb", "there is no #fields line before it"],
    ['{"id.orig_h":"x"}', "address: not an IPv4 or IPv6 address"],
    ['{"id.orig_h":"1.1.1.1","id.orig_p":65536}', "id.orig_p is no port"],
  ])("%s is broken: %s", (line, reason) => {
    expect(new ConnLines().read(line)).toEqual({ type: "broken", reason });
  });
});
