/** The scripts that we ship, on clusters in memory: the same engine that nodes run. */
import { describe, expect, test } from "vitest";
import { enumValue, string, type Value } from "../../../src/data/value.ts";
import { CONN_SUMMARY } from "../../../src/policy/conn.ts";
import knownHosts from "../../../src/policy/known-hosts.ts";
import knownServices from "../../../src/policy/known-services.ts";
import { email } from "../../../src/policy/notice-channels.ts";
import { noticeScript, raiseNotice, type Notice, type NoticeOptions } from "../../../src/policy/notice.ts";
import { scanScript } from "../../../src/policy/scan.ts";
import { defineScript, type Script } from "../../../src/script/define.ts";
import { addr, port } from "../../../src/sdk/values.ts";
import { clusterOf, NODES, ScriptCluster, type ScriptNode } from "../../support/script-rig.ts";

const SENSOR = defineScript("sensor", (zeek) => {
  zeek.on("test::conn", (...args) => void zeek.event(CONN_SUMMARY, ...args));
});
const conn = (from: string, to: string, toPort = "80/tcp", state = "SF", service = "http"): Value[] => [
  addr(from),
  port("40000/tcp"),
  addr(to),
  port(toPort),
  string(state),
  string(service),
];
const logger = { name: "logger-1", nodeType: "LOGGER" };
const cluster = (...scripts: Script[]) =>
  new ScriptCluster([SENSOR, ...scripts], clusterOf([...NODES, logger]));
const feed = (all: ScriptCluster, worker: string, ...conns: Value[][]) => {
  for (const args of conns) all.node(worker).engine.receive({ name: "test::conn", args, metadata: [] });
  all.settle();
};
const logsOf = (all: ScriptCluster, stream: string) =>
  [...all.nodes.values()].flatMap(({ logs }) =>
    logs
      .filter((log) => log.stream === stream)
      .map(({ line }) => JSON.parse(line) as Record<string, unknown>),
  );
const known = (node: ScriptNode, prefix: string) =>
  [...node.memory.entries("")].filter(([key]) => key.includes(prefix)).length;

describe("known hosts and services", () => {
  test("[D9] [D10] a host that one worker has seen is known at the other, and logged once", () => {
    const all = cluster(knownHosts);
    feed(all, "worker-1", conn("10.0.0.1", "10.0.0.2"));
    expect(known(all.node("worker-2"), "10.0.0.1")).toBe(1);
    feed(all, "worker-2", conn("10.0.0.1", "10.0.0.3"));
    feed(all, "worker-1", conn("10.0.0.3", "10.0.0.2"));
    const hosts = logsOf(all, "known_hosts").map(({ host }) => host);
    expect([hosts.length, new Set(hosts)]).toEqual([3, new Set(["10.0.0.1", "10.0.0.2", "10.0.0.3"])]);
  });

  test("[D12] with several proxies an update reaches every worker once: each key has one proxy, and that tells all", () => {
    const all = cluster(knownHosts);
    const hosts = Array.from({ length: 40 }, (_, i) => `10.1.0.${i}`);
    feed(all, "worker-1", ...hosts.map((host) => conn(host, "10.9.9.9")));
    const told = ["proxy-1", "proxy-2"].map(
      (proxy) => all.node(proxy).published.filter(({ topic }) => topic === "zeek/cluster/worker").length,
    );
    expect(told.reduce((sum, n) => sum + n)).toBe(41);
    expect(Math.min(...told)).toBeGreaterThan(5);
    expect(known(all.node("worker-2"), "10.1.0.")).toBe(40);
  });

  test("what never answered is not known", () => {
    const all = cluster(knownHosts, knownServices);
    feed(all, "worker-1", conn("10.0.0.1", "10.0.0.2", "80/tcp", "S0"));
    expect(logsOf(all, "known_hosts")).toEqual([]);
  });

  test("a worker that comes later is told what is known", () => {
    const all = cluster(knownHosts);
    feed(all, "worker-1", conn("10.0.0.1", "10.0.0.2"));
    const gone = all.node("worker-2");
    all.down("worker-2");
    feed(all, "worker-1", conn("10.0.0.5", "10.0.0.6"));
    all.up("worker-2", gone);
    expect(
      ["10.0.0.1", "10.0.0.2", "10.0.0.5", "10.0.0.6"].map((host) => known(all.node("worker-2"), host)),
    ).toEqual([1, 1, 1, 1]);
  });

  test("a proxy that dies right after it has found something leaves it to another one, which logs it", () => {
    const all = cluster(knownHosts);
    feed(all, "worker-1", conn("10.0.0.1", "10.0.0.2"));
    expect(logsOf(all, "known_hosts")).toHaveLength(2);
    for (const node of [all.node("proxy-1"), all.node("proxy-2")]) {
      for (const host of ["10.0.0.1", "10.0.0.2"]) {
        node.engine.receive({ name: "Known::host_found", args: [string(host), addr(host)], metadata: [] });
      }
      node.turn();
      // Its own it does not log again; those of the other one, which may have died, it does.
      expect(node.logs.filter(({ stream }) => stream === "known_hosts").length).toBe(2);
    }
  });

  test("a proxy that comes back without a memory does not log again what is known", () => {
    const all = cluster(knownHosts);
    const hosts = Array.from({ length: 20 }, (_, i) => `10.1.0.${i}`);
    feed(all, "worker-1", ...hosts.slice(0, 10).map((host) => conn(host, "10.9.9.9")));
    const before = logsOf(all, "known_hosts").length;
    // By then the records are at their loggers, and proxies tell each other.
    all.settle(7_000);
    const gone = all.node("proxy-2");
    all.down("proxy-2");
    feed(all, "worker-1", ...hosts.slice(10).map((host) => conn(host, "10.9.9.9")));
    all.up("proxy-2", gone);
    // A worker that has not been told yet asks again.
    for (const host of [...hosts, "10.9.9.9"]) {
      const args: Value[] = [string(host), addr(host)];
      all.node("proxy-2").engine.receive({ name: "Known::host_found", args, metadata: [] });
    }
    all.settle(8_000);
    expect(before).toBe(11);
    expect(all.node("proxy-2").logs.filter(({ stream }) => stream === "known_hosts")).toEqual([]);
  });

  test("services by host and port, with Zeek's columns", () => {
    const all = cluster(knownServices);
    feed(
      all,
      "worker-1",
      conn("10.0.0.1", "10.0.0.2", "443/tcp", "SF", "ssl"),
      conn("10.0.0.7", "10.0.0.2", "443/tcp", "SF", "ssl"),
    );
    feed(all, "worker-2", conn("10.0.0.1", "10.0.0.2", "53/udp", "SF", "dns"));
    expect(
      logsOf(all, "known_services")
        .map(({ host, port_num, port_proto, service }) => ({ host, port_num, port_proto, service }))
        .toSorted((a, b) => String(a.port_num).localeCompare(String(b.port_num))),
    ).toEqual([
      { host: "10.0.0.2", port_num: "443", port_proto: "tcp", service: "ssl" },
      { host: "10.0.0.2", port_num: "53", port_proto: "udp", service: "dns" },
    ]);
  });
});

describe("scan detection", () => {
  const scans = (all: ScriptCluster) =>
    logsOf(all, "notice").map(({ note, msg, src }) => ({ note, msg, src }));
  const attempts = (n: number, from = 0) =>
    Array.from({ length: n }, (_, i) =>
      conn("10.6.6.6", `10.0.${(i + from) >> 8}.${(i + from) & 255}`, "22/tcp", "S0", ""),
    );

  test("counts over all workers what one originator tried, and raises one notice at the threshold", () => {
    const all = cluster(noticeScript(), scanScript({ addressThreshold: 10 }));
    feed(all, "worker-1", ...attempts(5));
    feed(all, "worker-2", ...attempts(4, 5), ...attempts(4, 5));
    expect(scans(all)).toEqual([]);
    feed(all, "worker-1", ...attempts(1, 9));
    feed(all, "worker-2", ...attempts(30, 10));
    expect(scans(all)).toEqual([
      {
        note: "Scan::Address_Scan",
        msg: "10.6.6.6 scanned at least 10 unique hosts on port 22/tcp",
        src: "10.6.6.6",
      },
    ]);
  });

  test("counts ports of one host, too; connections that were answered do not count", () => {
    const all = cluster(noticeScript(), scanScript({ portThreshold: 3 }));
    const to = (n: number, state: string) => conn("10.6.6.6", "10.0.0.1", `${n}/tcp`, state, "");
    feed(all, "worker-1", to(1, "REJ"), to(2, "SF"), to(3, "REJ"), to(4, "SF"));
    expect(scans(all)).toEqual([]);
    feed(all, "worker-2", to(5, "S0"));
    expect(scans(all)).toMatchObject([{ note: "Scan::Port_Scan" }]);
  });

  test("forgets after its interval", () => {
    const all = cluster(noticeScript(), scanScript({ addressThreshold: 10, intervalMs: 60_000 }));
    feed(all, "worker-1", ...attempts(9));
    all.settle(61_001);
    for (const args of attempts(9, 9))
      all.node("worker-2").engine.receive({ name: "test::conn", args, metadata: [] });
    all.settle(61_002);
    expect(scans(all)).toEqual([]);
  });
});

describe("notices", () => {
  const RAISE = defineScript("raise", (zeek) => {
    zeek.on("test::raise", (identifier) => {
      raiseNotice(zeek, {
        note: enumValue("Test::Note"),
        msg: "m",
        src: addr("10.0.0.9"),
        identifier: String((identifier as { value: unknown }).value),
        suppressForMs: 60_000,
      });
    });
  });
  const raise = (all: ScriptCluster, node: string, identifier: string, nowMs = 1_000) => {
    all.node(node).engine.receive({ name: "test::raise", args: [string(identifier)], metadata: [] });
    all.settle(nowMs);
  };
  const noticed = (options: NoticeOptions = {}) => cluster(noticeScript(options), RAISE);

  test("[D5] the manager takes the same identifier of two workers for one notice, until it is no longer suppressed", () => {
    const all = noticed();
    raise(all, "worker-1", "a");
    raise(all, "worker-2", "a");
    raise(all, "proxy-1", "a");
    raise(all, "worker-2", "b");
    expect(logsOf(all, "notice").length).toBe(2);
    expect(all.node("manager").logs.length).toBe(2);
    raise(all, "worker-2", "a", 61_001);
    expect(logsOf(all, "notice").length).toBe(3);
  });

  test("a node that knows of the suppression does not even ask", () => {
    const all = noticed();
    raise(all, "worker-1", "a");
    const before = all.node("worker-2").published.length;
    raise(all, "worker-2", "a");
    expect(all.node("worker-2").published.length).toBe(before);
  });

  test("without an identifier none is suppressed", () => {
    const all = noticed();
    raise(all, "worker-1", "");
    raise(all, "worker-2", "");
    expect(logsOf(all, "notice").length).toBe(2);
  });

  test("[D6] each action is done once for a notice that is not suppressed", async () => {
    const sent: string[] = [];
    const channel =
      (name: string) =>
      async ({ note }: Notice) =>
        void sent.push(`${name} ${note}`);
    const channels = { email: channel("email"), page: channel("page"), webhook: channel("webhook") };
    const all = noticed({ policy: () => ["log", "email", "page", "webhook", "drop"], channels });
    raise(all, "worker-1", "a");
    raise(all, "worker-2", "a");
    const manager = all.node("manager");
    for (const when of manager.whens.splice(0))
      manager.engine.answered(when.id, { ok: true, value: await when.operation() });
    all.settle(2_000);
    all.settle(100_000);
    expect(sent).toEqual(["email Test::Note", "page Test::Note", "webhook Test::Note"]);
    expect(manager.whens).toEqual([]);
    const drops = manager.published.filter(({ topic }) => topic === "zeek/netcontrol/drop");
    expect(drops.map(({ event }) => [event.name, event.args[0]])).toEqual([
      ["NetControl::drop_address", addr("10.0.0.9")],
    ]);
    expect(logsOf(all, "notice")[0]).toMatchObject({
      note: "Test::Note",
      src: "10.0.0.9",
      actions: [
        "Notice::ACTION_LOG",
        "Notice::ACTION_EMAIL",
        "Notice::ACTION_PAGE",
        "Notice::ACTION_WEBHOOK",
        "Notice::ACTION_DROP",
      ],
    });
  });

  test("a webhook that fails is tried again, also by a later life of the manager, until it is taken", async () => {
    const webhook = async () => Promise.reject(new Error("503"));
    const all = noticed({ policy: () => ["webhook"], channels: { webhook } });
    raise(all, "worker-1", "a");
    let manager = all.node("manager");
    const first = manager.whens.splice(0);
    expect(first.length).toBe(1);
    manager.engine.answered(first[0]!.id, { ok: false, error: new Error("503") });
    all.settle(2_000);
    all.settle(31_001);
    expect(manager.whens.splice(0).length).toBe(1);
    // This life ends while it tries.
    manager = manager.restarted();
    manager.turn(31_002 + 60_000);
    const third = manager.whens.splice(0);
    expect(third.length).toBe(1);
    manager.engine.answered(third[0]!.id, { ok: true, value: undefined });
    manager.turn(91_003);
    manager.turn(9_999_999);
    expect(manager.whens).toEqual([]);
  });

  test("an action without its channel is reported, and the others are done", () => {
    const all = noticed({ policy: () => ["email", "log"] });
    raise(all, "worker-1", "a");
    expect(logsOf(all, "notice").length).toBe(1);
    expect(logsOf(all, "cluster")).toMatchObject([
      { message: "notice Test::Note: no way to send email is set up" },
    ]);
  });

  test("mail has one line of subject, whatever came over the network", async () => {
    const mails: unknown[] = [];
    const send = email({ send: async (mail) => void mails.push(mail) }, "a@example.com", "b@example.com");
    await send({
      note: "N",
      msg: "x\r\nBcc: c@example.com",
      sub: "",
      src: "",
      identifier: "i",
      suppressForMs: 1,
    });
    expect(mails).toMatchObject([{ from: "a@example.com", subject: "[selvedge] N: x Bcc: c@example.com" }]);
  });
});
