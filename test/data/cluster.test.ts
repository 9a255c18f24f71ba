/**
 * The acceptance of the cluster on real connection logs: one manager, two loggers, two proxies at the edge, a remote one,
 * two native workers and two of Zeek's WebSocket API run the shipped scripts; a proxy is killed, another one is taken out
 * of the layout, a worker's connection is cut, and all come back.
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { runKnownSuite } from "../support/known-suite.ts";
import { expectedLines, filesIn, zeekLogs } from "./zeek-files.ts";

test("[A21] [D5] [D10] hosts, services and scans of a real network are found once, whoever goes and comes", async () => {
  const logs = zeekLogs();
  const files = filesIn(join(logs, "rita/rotated/2024-04-19"), ".gz").filter((file) =>
    file.includes("/conn."),
  );
  const lines = expectedLines([...files, join(logs, "zat/conn.log")])["conn"]!;
  expect(lines.length).toBeGreaterThan(10_000);
  const report = await runKnownSuite(lines);
  expect(report.notices).toBeGreaterThan(10);
  expect(Object.keys(report.movedFrom).toSorted()).toEqual(["proxy-2", "proxy-3"]);
  expect(report.repeated).toBeLessThan(report.handled / 10);
});
