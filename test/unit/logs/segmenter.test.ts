import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { Segmenter, type CutSegment, type SourcePosition } from "../../../src/logs/segmenter.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";

const NAMES = { fallback: parseStreamName("x"), forced: undefined };

/** Segments of the bytes, pushed in pieces of the given sizes. */
function cut(bytes: Uint8Array, sizes: readonly number[] = [], position?: SourcePosition): CutSegment[] {
  const segmenter = new Segmenter(NAMES, position);
  const out: CutSegment[] = [];
  let at = 0;
  for (const size of sizes) {
    out.push(...segmenter.push(bytes.slice(at, at + size)));
    at += size;
  }
  out.push(...segmenter.push(bytes.slice(at)), ...segmenter.end());
  return out;
}

const linesOf = (segments: readonly CutSegment[], stream: string) =>
  segments
    .flatMap(({ parts }) => parts.filter((part) => part.stream === stream))
    .map(({ lines }) => Buffer.from(lines).toString())
    .join("");
const recordsOf = (segments: readonly CutSegment[]) =>
  segments.flatMap(({ parts }) => parts).reduce((sum, { records }) => sum + records, 0);

const TSV = ["#separator \\x09", "#path\tconn", "#fields\ta\tb", "#types\tcount\tstring", "1\tx", "2\tñ"];
const JSON_LINES = [
  '{"_path":"a","n":1}',
  '{"_path":"b","n":2}',
  '{"_path":"a","n":3}',
  "nonsense",
  '{"n":4}',
];

describe("the segmenter", () => {
  it("parts the streams of a file and keeps JSON byte for byte", () => {
    const segments = cut(Buffer.from(`${JSON_LINES.join("\n")}\n`));
    expect(linesOf(segments, "a")).toBe('{"_path":"a","n":1}\n{"_path":"a","n":3}\n');
    expect(linesOf(segments, "b")).toBe('{"_path":"b","n":2}\n');
    expect(linesOf(segments, "x")).toBe('{"n":4}\n');
    expect(segments.at(-1)?.broken).toEqual([{ line: 4, reason: "it is not valid JSON" }]);
  });

  it("tells a file that is no log after shipForeignLines lines without a record", () => {
    const isForeign = (text: string) => {
      const segmenter = new Segmenter(NAMES);
      segmenter.push(Buffer.from(text));
      return segmenter.isForeign;
    };
    const junk = (count: number) => "junk\n".repeat(count);
    expect(isForeign(junk(LIMITS.shipForeignLines - 1))).toBe(false);
    expect(isForeign(junk(LIMITS.shipForeignLines))).toBe(true);
    expect(isForeign(`${junk(LIMITS.shipForeignLines)}{"n":1}\n`)).toBe(false);
    expect(isForeign(`{"n":1}\n${junk(LIMITS.shipForeignLines)}`)).toBe(false);
  });

  it("leaves out blanks and CR around JSON, which a batch may not hold", () => {
    const segments = cut(Buffer.from('{"n":1}\r\n \t{"n": 2} \n{"n":3}\n{"n":4}\n{"n":5}\r'));
    expect(linesOf(segments, "x")).toBe('{"n":1}\n{"n": 2}\n{"n":3}\n{"n":4}\n{"n":5}\n');
    expect(recordsOf(segments)).toBe(5);
    expect(segments.at(-1)?.broken).toEqual([]);
  });

  it.each([
    ["TSV", TSV],
    ["JSON", JSON_LINES],
  ])("cuts %s the same however its bytes are split", (_, lines) => {
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const whole = cut(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (sizes) => {
        expect(cut(bytes, sizes)).toEqual(whole);
      }),
    );
  });

  it("goes on at any segment's end as if it had never stopped", () => {
    const first = cut(Buffer.from(`${TSV.slice(0, 5).join("\n")}\n`));
    const position = JSON.parse(JSON.stringify(first.at(-1)!.to)) as SourcePosition;
    const second = cut(Buffer.from("2\tñ\n3\n"), [], position);
    expect(linesOf([...first, ...second], "conn")).toBe('{"a":1,"b":"x"}\n{"a":2,"b":"ñ"}\n');
    expect(second[0]).toMatchObject({ from: position.offset, broken: [{ line: 7 }] });
  });

  it("takes a last line without a newline when it is whole", () => {
    const [segment] = cut(Buffer.from('{"a":1}\n{"a":2}'));
    expect(linesOf([segment!], "x")).toBe('{"a":1}\n{"a":2}\n');
    expect(segment!.to).toMatchObject({ offset: 15, line: 2 });
  });

  it("leaves and reports an unfinished last line, for when it has grown", () => {
    const [segment] = cut(Buffer.from('{"a":1}\n{"a":'));
    expect(segment).toMatchObject({ to: { offset: 8, line: 1 }, brokenCount: 1 });
    expect(linesOf(cut(Buffer.from('{"a":2}\n'), [], segment!.to), "x")).toBe('{"a":2}\n');
  });

  it("reports damage at the line behind the last good one", () => {
    const segmenter = new Segmenter(NAMES);
    segmenter.push(Buffer.from('{"a":1}\n{"a'));
    expect(segmenter.endDamaged("damaged")).toMatchObject([
      { to: { offset: 8 }, broken: [{ line: 2, reason: "damaged" }], parts: [{ records: 1 }] },
    ]);
  });

  it("seals at the bound of records, and not one before", () => {
    const line = Buffer.from('{"a":1}\n');
    const segmenter = new Segmenter(NAMES);
    expect(segmenter.push(Buffer.concat(Array<Buffer>(LIMITS.shipSegmentRecords - 1).fill(line)))).toEqual(
      [],
    );
    const [segment] = segmenter.push(line);
    expect(segment?.parts[0]?.records).toBe(LIMITS.shipSegmentRecords);
  });

  it("seals at the bound of bytes, and not one before", () => {
    const line = (length: number) => Buffer.from(`{"a":"${"x".repeat(length - 9)}"}\n`);
    const segmenter = new Segmenter(NAMES);
    const half = LIMITS.shipSegmentBytes / 4;
    for (let i = 0; i < 3; i++) expect(segmenter.push(line(half))).toEqual([]);
    expect(segmenter.push(line(half - 10))).toEqual([]);
    expect(segmenter.push(line(10))[0]?.parts[0]?.lines).toHaveLength(LIMITS.shipSegmentBytes);
  });

  it("seals at the bound of streams", () => {
    const segmenter = new Segmenter(NAMES);
    const line = (i: number) => Buffer.from(`{"_path":"s${i}"}\n`);
    for (let i = 1; i < LIMITS.shipSegmentStreams; i++) expect(segmenter.push(line(i))).toEqual([]);
    expect(segmenter.push(line(0))[0]?.parts).toHaveLength(LIMITS.shipSegmentStreams);
  });

  it("takes a record of the largest size and reports one that is larger", () => {
    const line = (length: number) => Buffer.from(`{"a":"${"x".repeat(length - 8)}"}\n`);
    const largest = line(LIMITS.logRecordBytesMax);
    const segments = cut(
      Buffer.concat([largest, line(LIMITS.logRecordBytesMax + 1), Buffer.from('{"b":1}\n')]),
      [5, 100_000, 1_500_000],
    );
    expect(recordsOf(segments)).toBe(2);
    expect(segments.flatMap(({ broken }) => broken)).toEqual([
      { line: 2, reason: `it is longer than ${LIMITS.logRecordBytesMax} bytes` },
    ]);
    expect(linesOf(segments, "x")).toBe(`${largest.toString()}{"b":1}\n`);
  });

  it("reports a row whose JSON would be too large", () => {
    const field = "\\x00".repeat(LIMITS.logRecordBytesMax / 5);
    const segments = cut(Buffer.from(`#fields\ta\n${field}\n1\n`));
    expect(recordsOf(segments)).toBe(1);
    expect(segments.at(-1)?.broken).toMatchObject([{ line: 2 }]);
  });

  it("names broken lines up to the bound and counts the rest", () => {
    const [segment] = cut(Buffer.from(`{}\n${"x\n".repeat(LIMITS.shipBrokenNamed + 1)}`));
    expect(segment?.broken).toHaveLength(LIMITS.shipBrokenNamed);
    expect(segment?.brokenCount).toBe(LIMITS.shipBrokenNamed + 1);
  });
});
