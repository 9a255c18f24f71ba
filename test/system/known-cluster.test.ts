/** The shipped scripts on a whole cluster, small: proxies go and come back, a connection is cut, nothing is lost. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runKnownSuite } from "../support/known-suite.ts";

const fields = (line: string) => line.split("\t").slice(1);

/** The demo's connections, and a scanner that tries the ports of one host. */
function connections(): readonly string[] {
  const lines = readFileSync("test/samples/demo/conn.log", "utf8").trimEnd().split("\n");
  const names = fields(lines.find((line) => line.startsWith("#fields"))!);
  const records = lines.filter((line) => !line.startsWith("#")).map((line) => line.split("\t"));
  const conns = records.map((values) =>
    Object.fromEntries(names.flatMap((name, i) => (values[i] === "-" ? [] : [[name, values[i]]]))),
  );
  const scan = (n: number) => ({
    "id.orig_h": "203.0.113.200",
    "id.orig_p": 40_000 + n,
    "id.resp_h": "192.0.2.77",
    "id.resp_p": 1_000 + n,
    proto: "tcp",
    conn_state: "REJ",
  });
  return conns
    .flatMap((conn, n) => (n % 3 === 0 ? [conn, scan(n)] : [conn]))
    .map((conn) => JSON.stringify(conn));
}

it("[D9] [D10] [D12] R33 hosts, services and scans are found once, whoever sees them, while proxies go and come back", async () => {
  const report = await runKnownSuite(connections());
  expect(report.notices).toBeGreaterThan(0);
  expect(Object.keys(report.movedFrom).toSorted()).toEqual(["proxy-2", "proxy-3"]);
  expect(report.repeated).toBeLessThan(report.handled / 10);
});
