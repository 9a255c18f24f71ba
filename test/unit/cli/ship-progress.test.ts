import { describe, expect, it } from "vitest";
import { formatProgress, formatReport, jsonReport } from "../../../src/cli/ship-progress.ts";
import type { ShipReport } from "../../../src/cli/ship-run.ts";

const REPORT: ShipReport = {
  files: [
    { file: "conn.log", records: 3, bytes: 2_000_000, skipped: 1, formerly: undefined },
    { file: "dns.log", records: 0, bytes: 0, skipped: 0, formerly: undefined },
    { file: "new.log", records: 0, bytes: 0, skipped: 0, formerly: "old.log" },
  ],
  streams: new Map([
    ["ssl", 2],
    ["conn", 5],
  ]),
  skipped: [{ file: "conn.log", line: 7, reason: "it is not valid JSON" }],
  skippedCount: 1,
  resumed: 4,
};

describe("the shipper's output", () => {
  it("shows share, records, rate and time left", () => {
    const progress = { file: "conn.log", bytesAll: 4_000_000, bytesRead: 1_000_000, records: 12 };
    expect(formatProgress(progress, 500)).toBe(
      "[######..................] 25 %  12 records  2.0 MB/s, 2 s left  conn.log",
    );
    expect(formatProgress({ ...progress, bytesRead: 20_000 }, 1_000)).toContain("3 min 19 s left");
    expect(formatProgress({ ...progress, bytesAll: 0, bytesRead: 0 }, 0)).toContain("100 %");
  });

  it("sums up for people", () => {
    expect(formatReport(REPORT, 2_000, true).split("\n")).toEqual([
      "  conn                     5",
      "  ssl                      2",
      "  dns.log: nothing new",
      "  new.log was shipped before as old.log",
      "7 records from 3 files, 2.0 MB of JSON in 2.0 s, 1.0 MB/s; all but the skipped lines is in R2",
      "4 of the records were left over from an earlier run",
      "1 line was skipped",
    ]);
    expect(formatReport(REPORT, 2_000, false)).toContain("not flushed");
    const junk = { ...REPORT, files: [{ ...REPORT.files[1]!, skipped: 1 }] };
    expect(formatReport(junk, 2_000, true)).not.toContain("nothing new");
    const one = {
      ...REPORT,
      files: REPORT.files.slice(1, 2),
      streams: new Map([["ssl", 1]]),
      skippedCount: 0,
    };
    expect(formatReport(one, 0, true)).toContain(
      "1 record from 1 file, 0.0 MB of JSON in 0.0 s; all of it is in R2",
    );
  });

  it("prints one object for programs", () => {
    expect(JSON.parse(jsonReport(REPORT, 2_000, true))).toEqual({
      files: REPORT.files.map((file) => JSON.parse(JSON.stringify(file)) as unknown),
      streams: { conn: 5, ssl: 2 },
      records: 7,
      resumed: 4,
      skipped: REPORT.skipped,
      skippedCount: 1,
      flushed: true,
      seconds: 2,
    });
  });
});
