import { expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { streamOfFile, streamOfText } from "../../../src/logs/stream-of.ts";

it.each([
  ["conn.log", "conn"],
  ["conn.00-00-00-01-00-00.log.gz", "conn"],
  ["conn.2024-04-19-00:00:00-01:00:00.log.gz", "conn"],
  ["conn.2024-04-19-00-00-00.log", "conn"],
  ["http-20240419.json", "http"],
  ["dns.log.1.gz", "dns"],
  ["dns.log.20240419T123000Z", "dns"],
  ["weird.1713484800.log", "weird"],
  ["x509.json.gz", "x509"],
  ["http-2.log", "http-2"],
  ["dhcp_002.log", "dhcp_002"],
  ["known services.log", "known_services"],
  [".log", "log"],
  ["…", "_"],
])("names the stream of %s", (file, stream) => {
  expect(streamOfFile(file)).toBe(stream);
});

it.each([
  ["../../etc", "_._etc"],
  ["a..b", "a.b"],
  ["files.v2", "files.v2"],
  ["", undefined],
  ["...", undefined],
])("makes a stream name of %j", (text, stream) => {
  expect(streamOfText(text)).toBe(stream);
});

it("cuts a name at the bound", () => {
  expect(streamOfText("x".repeat(LIMITS.streamNameMax))).toHaveLength(LIMITS.streamNameMax);
  expect(streamOfText("x".repeat(LIMITS.streamNameMax + 1))).toHaveLength(LIMITS.streamNameMax);
});
