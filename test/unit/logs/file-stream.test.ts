/** Paths of files, and the names of their parts in R2. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  filePath,
  fileStream,
  isBatchStream,
  isFileStream,
  parseBatchStream,
  partKey,
  partTime,
} from "../../../src/logs/file-stream.ts";
import { planObject } from "../../../src/logs/object-plan.ts";
import { mayLog } from "../../../src/protocol/grant.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";

const grant = (...logs: string[]) => ({
  publish: [],
  subscribe: [],
  logs,
  name: undefined,
  nodeType: undefined,
  admin: false,
  peer: false,
});

describe("the path of a file", () => {
  it.each(["a", "a/b.pcap", "extract/2024 06/é ü.bin", "...", "a..b", "x".repeat(LIMITS.filePathBytesMax)])(
    "may be %j",
    (path) => {
      expect(isFileStream(`files/${path}`)).toBe(true);
      expect(filePath(parseBatchStream(fileStream(path)))).toBe(path);
    },
  );

  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a\nb",
    "a\u0000",
    "\u007f",
    "\ud800",
    "x".repeat(LIMITS.filePathBytesMax + 1),
    "é".repeat(LIMITS.filePathBytesMax / 2) + "x",
  ])("may not be %j", (path) => {
    expect(() => fileStream(path)).toThrow(expect.objectContaining({ code: "invalid_data" }));
    expect(isFileStream(`files/${path}`)).toBe(false);
    expect(isBatchStream(`files/${path}`)).toBe(false);
  });

  it("is no name of a log stream, and the log stream `files` is no file", () => {
    expect(() => parseStreamName("files/a")).toThrow(expect.objectContaining({ code: "invalid_data" }));
    expect([isFileStream("files"), isBatchStream("files")]).toEqual([false, true]);
  });
});

describe("a part of a file in R2", () => {
  const batch = (id: number, receivedMs: number) => ({
    id,
    stream: fileStream("a/b"),
    hourMs: 0,
    receivedMs,
    records: 1,
    length: 5,
  });

  it("L-3 is named by the time of its first chunk, so that names in order are the file in order", () => {
    const plans = [
      planObject("logger-10", [batch(3, 5_000), batch(4, 6_000)]),
      planObject("l", [batch(1, 70_000)]),
    ];
    expect(plans.map(({ key }) => key)).toEqual([
      "files/a/b/0000000005000-logger-10-3-4",
      "files/a/b/0000000070000-l-1-1",
    ]);
    expect(plans.map(({ key }) => partTime(key))).toEqual([5_000, 70_000]);
    expect(partTime("logs/conn/date=2024-01-01/hour=00/l-1-1.ndjson.gz")).toBeUndefined();
  });

  it("fits a key of R2 with the longest path and logger", () => {
    const name = { sinceMs: 1, logger: "l".repeat(128), first: 2 ** 53 - 1, last: 2 ** 53 - 1 };
    expect(partKey({ ...name, stream: fileStream("x".repeat(LIMITS.filePathBytesMax)) }).length).toBeLessThan(
      1024,
    );
  });
});

describe("[K-4] the grant of a file", () => {
  it("is a path that it begins with, or everything; that of a log stream is none", () => {
    expect(mayLog(grant("files/"), "files/a/b")).toBe(true);
    expect(mayLog(grant("files/a/"), "files/a/b")).toBe(true);
    expect(mayLog(grant("*"), "files/a")).toBe(true);
    expect(mayLog(grant("files/a/"), "files/b")).toBe(false);
    expect(mayLog(grant("files"), "files/a")).toBe(false);
    expect(mayLog(grant("files/"), "files")).toBe(false);
  });
});
