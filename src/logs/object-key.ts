/**
 * Names of log objects in R2: `logs/<stream>/date=YYYY-MM-DD/hour=HH/<logger>-<first>-<last>.ndjson.gz`. Date and hour
 * (UTC) are those in which the batches were accepted; first and last are the logger's own numbers of its batches, so
 * a key never returns (rule 20).
 */
import { assert } from "../base/assert.ts";
import type { StreamName } from "./stream-name.ts";

const HOUR_MS = 3_600_000;
const KEY =
  /^logs\/([A-Za-z0-9._-]+)\/date=(\d{4}-\d\d-\d\d)\/hour=(\d\d)\/([A-Za-z0-9._-]+)-(\d+)-(\d+)\.ndjson\.gz$/;

export interface ObjectName {
  readonly stream: StreamName;
  /** Start of the hour, ms since 1970. */
  readonly hourMs: number;
  readonly logger: string;
  readonly first: number;
  readonly last: number;
}

/** Start of the hour that holds `ms`. */
export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

/** The key of an object. */
export function objectKey({ stream, hourMs, logger, first, last }: ObjectName): string {
  assert(first >= 1 && last >= first, "an object holds at least one batch");
  const hours = Math.floor(hourMs / HOUR_MS);
  const hour = pad(hours % 24, 2);
  return `logs/${stream}/date=${formatDate(Math.floor(hours / 24))}/hour=${hour}/${logger}-${first}-${last}.ndjson.gz`;
}

/** The parts of a key that people look for, or undefined when it is no log object. */
export function parseObjectKey(
  key: string,
): { stream: string; date: string; hour: number; logger: string; first: number; last: number } | undefined {
  const parts = KEY.exec(key);
  if (parts === null) return undefined;
  const [, stream = "", date = "", hour, logger = "", first, last] = parts;
  return { stream, date, hour: Number(hour), logger, first: Number(first), last: Number(last) };
}

/** `YYYY-MM-DD` of a day since 1970-01-01: years counted from March, so that the leap day is the last of its year. */
function formatDate(day: number): string {
  const z = day + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(dayOfMonth, 2)}`;
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, "0");
}
