/**
 * Prices of the paid plan in US dollars beyond what is included: developers.cloudflare.com, platform/pricing pages of
 * Workers, Durable Objects and R2, November 2026.
 */
export const PRICES = {
  workerRequest: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  objectRequest: 0.15 / 1e6,
  /** Incoming WebSocket frames of an object that make one request. */
  framesPerRequest: 20,
  objectGBSecond: 12.5 / 1e6,
  /** What an object is billed for while it is awake, whatever it uses. */
  objectGB: 0.128,
  rowRead: 0.001 / 1e6,
  rowWritten: 1 / 1e6,
  sqliteGBMonth: 0.2,
  classA: 4.5 / 1e6,
  classB: 0.36 / 1e6,
  r2GBMonth: 0.015,
} as const;

const MONTH_S = 30 * 86_400;

/** Dollars for bytes that an object's SQLite holds so long. */
export function sqliteStorage(bytes: number, seconds: number): number {
  return (bytes / 1e9) * (seconds / MONTH_S) * PRICES.sqliteGBMonth;
}
