/**
 * Scan detection: workers send each failed attempt to the proxy that has its originator by HRW, which counts what the
 * originator tried and raises a notice past a threshold. Source: Zeek's misc/scan script, its thresholds and texts.
 */
import type { AddressValue, Value } from "../data/value.ts";
import { formatAddress } from "../data/address.ts";
import { formatPort } from "../data/port.ts";
import { defineScript } from "../script/define.ts";
import type { Zeek } from "../script/zeek.ts";
import { enumValue } from "../data/value.ts";
import { CONN_SUMMARY, CONN_TYPES, isFailedAttempt } from "./conn.ts";
import { raiseNotice } from "./notice.ts";
import { textOf } from "./text.ts";

/** What makes a scan. */
export interface ScanOptions {
  /** Different hosts on one port. */
  readonly addressThreshold: number;
  /** Different ports of one host. */
  readonly portThreshold: number;
  /** Within this time, ms. */
  readonly intervalMs: number;
}

const DEFAULTS: ScanOptions = { addressThreshold: 25, portThreshold: 15, intervalMs: 300_000 };
const EXPIRE = "Scan::expire";

export function scanScript(options: Partial<ScanOptions> = {}) {
  const { addressThreshold, portThreshold, intervalMs } = { ...DEFAULTS, ...options };
  return defineScript("scan", (zeek) => {
    zeek.on(
      CONN_SUMMARY,
      (scanner, _, victim, port, state) => {
        if (zeek.localNodeType() !== "WORKER" || !isFailedAttempt(textOf(state))) return;
        zeek.publishHrw("proxy", scanner, "Scan::attempt", scanner, victim, port);
      },
      { types: CONN_TYPES },
    );
    zeek.on(
      "Scan::attempt",
      (scanner, victim, port) => {
        const [who, whom, what] = [
          formatAddress(scanner.bytes),
          formatAddress(victim.bytes),
          formatPort(port),
        ];
        if (count(zeek, `address/${who}/${what}`, whom, addressThreshold, intervalMs)) {
          const msg = `${who} scanned at least ${addressThreshold} unique hosts on port ${what}`;
          notice(zeek, "Scan::Address_Scan", msg, scanner, intervalMs);
        }
        if (count(zeek, `port/${who}/${whom}`, what, portThreshold, intervalMs)) {
          const msg = `${who} scanned at least ${portThreshold} unique ports of host ${whom}`;
          notice(zeek, "Scan::Port_Scan", msg, scanner, intervalMs);
        }
      },
      { types: ["address", "address", "port"] },
    );
    zeek.on(EXPIRE, (key) => zeek.state.delete(textOf(key)) && undefined, { types: ["string"] });
  });
}

/** Adds one to the different things under a key. True when that reaches the threshold: once an interval. */
function count(zeek: Zeek, key: string, thing: string, threshold: number, intervalMs: number): boolean {
  const seen = textsOf(zeek.state.get(key));
  if (seen.has(thing) || seen.size >= threshold) return false;
  if (seen.size === 0) zeek.schedule(intervalMs, EXPIRE, key);
  seen.add(thing);
  zeek.state.set(key, seen);
  return seen.size === threshold;
}

function textsOf(value: Value | undefined): Set<string> {
  if (value?.type !== "set") return new Set();
  return new Set(value.elements.map((element) => textOf(element)));
}

function notice(zeek: Zeek, note: string, msg: string, src: AddressValue, suppressForMs: number): void {
  raiseNotice(zeek, { note: enumValue(note), msg, src, identifier: formatAddress(src.bytes), suppressForMs });
}
