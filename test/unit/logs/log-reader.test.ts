import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LogReader, type ReaderContext } from "../../../src/logs/log-reader.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";

const SAMPLES = join(import.meta.dirname, "../../samples/logs/zeek-baselines");
const FALLBACK = parseStreamName("fallback");

/** What the reader makes of the bytes: records as parsed JSON, broken lines as their reason. */
function readAll(bytes: Uint8Array, context?: ReaderContext, forced?: string) {
  const names = { fallback: FALLBACK, forced: forced === undefined ? undefined : parseStreamName(forced) };
  const reader = new LogReader(names, context);
  const records: string[] = [];
  const streams = new Set<string>();
  const broken: string[] = [];
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  for (const text of lines.slice(0, lines.at(-1) === "" ? -1 : undefined)) {
    const line = Buffer.from(text, "latin1");
    const read = reader.read(line);
    if (read.type === "broken") broken.push(read.reason);
    if (read.type === "mapped" || read.type === "asIs") {
      streams.add(read.stream);
      records.push(read.type === "mapped" ? read.json : line.toString("utf8"));
    }
  }
  return { records, streams: [...streams], broken, context: reader.context };
}

/** A baseline as Zeek wrote it: its test tool has put X for the digits of times. */
const bytesOf = (name: string) =>
  Buffer.from(
    readFileSync(join(SAMPLES, name), "latin1").replaceAll("XXXXXXXXXX.XXXXXX", "1234567890.123456"),
    "latin1",
  );
const sample = (name: string) => readAll(bytesOf(name));
const text = (...lines: string[]) => readAll(Buffer.from(lines.map((line) => `${line}\n`).join("")));
const values = ({ records }: { records: readonly string[] }) =>
  records.map((json) => Object.values(JSON.parse(json) as object));

describe("Zeek's own baselines of its log writer", () => {
  it("keeps the text of doubles; what is no number becomes a string", () => {
    const { records, streams } = sample("ascii-double__test.log");
    expect(streams).toEqual(["test"]);
    expect(records).toHaveLength(22);
    expect(records.slice(0, 3)).toEqual([
      '{"d":2153226000.0}',
      '{"d":2153226000.1}',
      '{"d":2153226000.123457}',
    ]);
    expect(records.slice(16)).toEqual([
      '{"d":0.0}',
      '{"d":-0.0}',
      '{"d":"inf"}',
      '{"d":"-inf"}',
      '{"d":0.0}',
      '{"d":"nan"}',
    ]);
  });

  it("decodes escaped bytes; bytes that are not UTF-8 stay escaped", () => {
    expect(values(sample("ascii-escape-binary__test.log")).flat()).toEqual([
      "AB\0CD\0",
      "AB\\xffCD\0",
      "AB\\xffCD\0",
      " ",
      "abc\\x00def",
      " ",
      "abc\0def",
      " ",
      "foo ® bar \\xc2\\xae baz",
      "foo\0bar\\0baz",
      "foo \x0e bar ^N baz",
    ]);
    expect(values(sample("ascii-binary__ssh.log"))).toEqual([
      ["abc\n\\xffdef", "DATA2"],
      ["abc|\\xffdef", "DATA2"],
      ["abc\\xff|def", "DATA2"],
    ]);
  });

  it("reads UTF-8 and control characters", () => {
    expect(values(sample("ascii-utf8-enabled__test.log")).flat()).toEqual([
      "foo ® bar",
      "दुनिया को नमस्ते",
      "hello 𠜎",
    ]);
    expect(values(sample("ascii-utf8-enabled-control-characters__test.log"))).toEqual([["foo \n\t\0 bar"]]);
  });

  it("tells text that looks unset or empty from fields that are", () => {
    expect(sample("ascii-escape-notset-str__test.log").records).toEqual(['{"x":"-","z":""}']);
    expect(sample("ascii-escape-empty-str__test.log").records).toEqual(['{"ss":["EMPTY"]}']);
    expect(sample("unset-record__testing.log").records).toEqual(['{"b":6}', '{"a.val1":1,"a.val2":2,"b":3}']);
  });

  it("splits sets before it unescapes, with any separators", () => {
    expect(sample("ascii-escape-set-separator__test.log").records).toEqual(['{"ss":[",","CC",",,","AA"]}']);
    expect(sample("ascii-utf8-enabled-set-separator-escape__test.log").records).toEqual(['{"ss":["®"]}']);
    expect(values(sample("ascii-escape__ssh.log")).map((row) => row[5])).toEqual([
      "success",
      "failure",
      "fa||ure",
      "su||ess",
      "failure",
    ]);
  });

  it("maps every type", () => {
    const [known] = sample("types__ssh.log").records;
    expect(known?.slice(0, known.indexOf(',"f":'))).toBe(
      '{"b":true,"i":-42,"e":"SSH::LOG","c":21,"p":123,"sn":"10.0.0.0/24","a":"1.2.3.4","d":3.14,"t":1234567890.123456,' +
        '"iv":100.000000,"s":"hurz","sc":[4,2,3,1],"ss":["CC","BB","AA"],"se":[],"vc":[10,20,30],"ve":[]',
    );
  });

  it("keeps the elements of vectors, and makes null of unset ones", () => {
    expect(values(sample("print-log__print_statements.log")).map((row) => row[1])).toEqual([
      ['file "otherfile" of string', "hello world ,"],
      ["hello world ,"],
      ['file "otherfile" of string', "2", "T"],
      ["2", "T"],
    ]);
    expect(sample("vec__ssh.log").records).toEqual(['{"vec":[null,"2",null,null,"5"]}']);
  });

  it("ships rows whose first byte was an escaped #, and no comment", () => {
    expect(values(sample("ascii-line-like-comment__test.log"))).toEqual([
      ["Test1", 42],
      ["#Kaputt", 42],
      ["Test2", 42],
    ]);
  });

  it("passes Zeek's JSON through, behind a foreign comment", () => {
    const { records, streams, broken } = sample("ascii-json-utf8__ssh.log.hex");
    expect(broken).toEqual([]);
    expect(streams).toEqual(["fallback"]);
    const lines = bytesOf("ascii-json-utf8__ssh.log.hex").toString("utf8").split("\n");
    expect(records).toEqual(lines.slice(1).filter((line) => line !== ""));
  });

  it("reports rows without a header and rows that do not fit their types", () => {
    expect(sample("ascii-options__ssh.log").broken[0]).toBe("it is neither JSON nor below a Zeek header");
    const untouched = readFileSync(join(SAMPLES, "types__ssh.log"));
    expect(readAll(untouched).broken).toEqual(["field t is not a time"]);
  });
});

describe("a Zeek TSV log", () => {
  const HEADER = ["#separator \\x09", "#path\tconn", "#fields\tts\tn", "#types\ttime\tcount"];

  it("may have its header again, with other columns and another path", () => {
    const { records, streams } = text(
      ...HEADER,
      "1.0\t2",
      "#close\t2024",
      "#separator |",
      "#path|dns",
      "#fields|q",
      "#types|string",
      "a\tb",
    );
    expect(records).toEqual(['{"ts":1.0,"n":2}', '{"q":"a\\tb"}']);
    expect(streams).toEqual(["conn", "dns"]);
  });

  it("goes on in the middle with the context of before", () => {
    const { context } = text(...HEADER);
    const kept = JSON.parse(JSON.stringify(context)) as ReaderContext;
    expect(readAll(Buffer.from("1.0\t2\n"), kept)).toMatchObject({
      records: ['{"ts":1.0,"n":2}'],
      streams: ["conn"],
    });
  });

  it("takes strings where #types is missing, and Zeek's separators where theirs are", () => {
    expect(text("#fields\ta\tb", "1\t-", "(empty)\tx").records).toEqual(['{"a":"1"}', '{"a":"","b":"x"}']);
  });

  it("ignores comments that only begin like header lines", () => {
    expect(text(...HEADER, "#pathology", "#fieldsome", "# 1\t2", "1.0\t2").records).toHaveLength(1);
  });

  it.each([
    ["1.0", "it has 1 fields, the header names 2"],
    ["1.0\t2\t3", "it has 3 fields, the header names 2"],
    ["1.0\t2x", "field n is not a count"],
    ["1.0\t", "field n is not a count"],
    ["1.0\t007", "field n is not a count"],
  ])("reports %j", (row, reason) => {
    expect(text(...HEADER, row, "1.0\t2")).toMatchObject({
      records: ['{"ts":1.0,"n":2}'],
      broken: [reason],
    });
  });

  it("reports every row below a header that contradicts itself", () => {
    const { records, broken } = text("#fields\ta\tb", "#types\tcount", "1\t2");
    expect(records).toEqual([]);
    expect(broken).toEqual(["#fields names 2 columns but #types 1"]);
  });

  it("keeps raw bytes that are not UTF-8 as escapes", () => {
    const row = Buffer.concat([
      Buffer.from("#fields\ta\tb\nx"),
      Buffer.from([0xff, 0xc3, 0xb1]),
      Buffer.from("\ty\n"),
    ]);
    expect(readAll(row).records).toEqual(['{"a":"x\\\\xffñ","b":"y"}']);
  });
});

describe("a Zeek JSON log", () => {
  it("takes the stream of each record from _path, @stream, or the file", () => {
    const { streams, records } = text(
      '{"_path":"conn"}',
      ' {"@stream":"a b/../c"}',
      '{"x":1}',
      "",
      '{"_path":7}',
    );
    expect(streams).toEqual(["conn", "a_b_._c", "fallback"]);
    expect(records).toEqual(['{"_path":"conn"}', ' {"@stream":"a b/../c"}', '{"x":1}', '{"_path":7}']);
  });

  it("puts all records in one stream when told so", () => {
    const bytes = Buffer.from('{"_path":"conn"}\n{"x":1}\n');
    expect(readAll(bytes, undefined, "mine").streams).toEqual(["mine"]);
  });

  it.each([
    ['{"a":1', "it is not valid JSON"],
    ['{"a":1}{"b":2}', "it is not valid JSON"],
    ["[1]", "it is not a JSON object"],
    ["null", "it is not a JSON object"],
    ["#close", "it is not valid JSON"],
  ])("reports %j", (line, reason) => {
    expect(text('{"a":1}', line, '{"b":2}')).toMatchObject({
      records: ['{"a":1}', '{"b":2}'],
      broken: [reason],
    });
  });

  it("reports lines that are not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"b":1}\n')]);
    expect(readAll(bytes)).toMatchObject({ records: ['{"b":1}'], broken: ["it is not UTF-8"] });
  });
});
