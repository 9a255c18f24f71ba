/**
 * What Zeek's log files hold, read without any of the project's own readers: the other side of the comparison. It
 * follows docs/howto/ship-logs.md for TSV and takes JSON lines as they are. Lines are strings of bytes (latin1).
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import type { R2File } from "../support/r2-files.ts";

/** Lines by stream, sorted: a multiset. */
export type LinesByStream = Record<string, string[]>;

/** The shared logs. Throws when they are not there. */
export function zeekLogs(): string {
  const folder = process.env["ZEEK_LOGS"] ?? join(PACKAGE_ROOT, "../shared/data/zeek-logs");
  if (!existsSync(folder)) {
    throw new Error(`test:data needs real Zeek logs in ${folder}, or in the folder that ZEEK_LOGS names`);
  }
  return folder;
}

/** The files of a folder with this ending, sorted. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Every record of the files as it must stand in R2. */
export function expectedLines(files: readonly string[]): LinesByStream {
  const all: LinesByStream = {};
  for (const file of files) {
    const lines = plainLines(readFileSync(file));
    const isJson = lines.some((line) => line.startsWith("{"));
    const records = isJson ? jsonRecords(lines, basename(file)) : tsvRecords(lines);
    for (const [stream, line] of records) (all[stream] ??= []).push(line);
  }
  return sorted(all);
}

/** Every record in log objects of R2. */
export function storedLines(objects: readonly R2File[]): LinesByStream {
  const all: LinesByStream = {};
  for (const object of objects) {
    const stream = /^logs\/([^/]+)\/date=\d{4}-\d\d-\d\d\/hour=\d\d\/.+\.ndjson\.gz$/.exec(object.key)?.[1];
    if (stream === undefined) throw new Error(`${object.key} is no name of a log object`);
    const list = (all[stream] ??= []);
    for (const line of plainLines(object.bytes())) list.push(line);
  }
  return sorted(all);
}

/** How two multisets differ, in figures and first lines; undefined when they do not. */
export function difference(stored: LinesByStream, expected: LinesByStream): string | undefined {
  const problems: string[] = [];
  for (const stream of new Set([...Object.keys(stored), ...Object.keys(expected)])) {
    const counts = new Map<string, number>();
    for (const line of expected[stream] ?? []) counts.set(line, (counts.get(line) ?? 0) + 1);
    for (const line of stored[stream] ?? []) counts.set(line, (counts.get(line) ?? 0) - 1);
    const missing = [...counts].filter(([, n]) => n > 0);
    const extra = [...counts].filter(([, n]) => n < 0);
    if (missing.length + extra.length === 0) continue;
    const sample = [missing[0], extra[0]].map((entry) => entry?.[0] ?? "none").join("\n  extra:   ");
    problems.push(`${stream}: ${missing.length} missing, ${extra.length} too many\n  missing: ${sample}`);
  }
  return problems.length === 0 ? undefined : problems.join("\n");
}

/** Records in all streams. */
export function countOf(lines: LinesByStream): number {
  return Object.values(lines).reduce((sum, list) => sum + list.length, 0);
}

function plainLines(bytes: Buffer): string[] {
  const lines = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes)
    .toString("latin1")
    .split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function sorted(all: LinesByStream): LinesByStream {
  for (const list of Object.values(all)) list.sort();
  return all;
}

function jsonRecords(lines: readonly string[], fileName: string): [string, string][] {
  return lines.map((line) => {
    const record = JSON.parse(line) as Record<string, string>;
    return [record["_path"] ?? record["@stream"] ?? fileName.replace(/\..*/, ""), line];
  });
}

function tsvRecords(lines: readonly string[]): [string, string][] {
  const header = (name: string) =>
    lines
      .find((line) => line.startsWith(`#${name}\t`))!
      .split("\t")
      .slice(1);
  const [path] = header("path");
  const names = header("fields");
  const types = header("types");
  return lines
    .filter((line) => !line.startsWith("#"))
    .map((line) => {
      const members = line
        .split("\t")
        .flatMap((field, i) => (field === "-" ? [] : [`"${names[i]}":${tsvValue(field, types[i]!)}`]));
      return [path!, `{${members.join(",")}}`];
    });
}

function tsvValue(field: string, type: string): string {
  const element = /^(?:set|vector|table)\[(.+)\]$/.exec(type)?.[1];
  if (element !== undefined) {
    if (field === "(empty)") return "[]";
    const elements = field.split(",").map((e) => (e === "-" ? "null" : tsvValue(e, element)));
    return `[${elements.join(",")}]`;
  }
  if (["count", "int", "double", "time", "interval", "port"].includes(type)) return field;
  if (type === "bool") return String(field === "T");
  const bytes = field === "(empty)" ? "" : field.replace(/\\x(..)|\\\\/g, unescapeOne);
  const valid = bytes.replace(UTF8, (match) =>
    match.length === 1 ? `\\x${match.charCodeAt(0).toString(16)}` : match,
  );
  return Buffer.from(JSON.stringify(Buffer.from(valid, "latin1").toString("utf8"))).toString("latin1");
}

/** Well-formed characters of two bytes and more; what is left is a single byte. */
const UTF8 = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]/g;

const unescapeOne = (_: string, hex?: string) =>
  hex === undefined ? "\\" : String.fromCharCode(Number.parseInt(hex, 16));
