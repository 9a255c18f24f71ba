import { expect, test } from "vitest";
import { formatTable } from "../../../src/cli/table.ts";

test("columns are as wide as their widest cell; numbers stand to the right", () => {
  const rows = [
    ["conn", 5, "a"],
    ["x509_certificates", 12345, "b"],
  ];
  expect(formatTable(["stream", "records", "key"], rows).split("\n")).toEqual([
    "stream             records  key",
    "conn                     5  a",
    "x509_certificates    12345  b",
  ]);
});

test("no rows: the head alone", () => {
  expect(formatTable(["stream", "records"], [])).toBe("stream  records");
});
