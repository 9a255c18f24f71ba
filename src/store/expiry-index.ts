/** Which keys end when, for backends in memory: SQLite has an index for it. */
import type { StoreRow } from "./backend.ts";
import { compareBytes } from "../data/order.ts";
import { SortedPages } from "./sorted-pages.ts";

interface Ending {
  readonly expiryMs: number;
  readonly key: Uint8Array;
}

export class ExpiryIndex {
  readonly #endings = new SortedPages<Ending>(
    (a, b) => a.expiryMs - b.expiryMs || compareBytes(a.key, b.key),
  );

  /** A row was written over another one, or deleted when there is no new one. */
  changed(before: StoreRow | undefined, after: StoreRow | undefined): void {
    if (before?.expiryMs === after?.expiryMs) return;
    if (before?.expiryMs !== undefined) {
      this.#endings.delete({ expiryMs: before.expiryMs, key: before.key });
    }
    if (after?.expiryMs !== undefined) this.#endings.put({ expiryMs: after.expiryMs, key: after.key });
  }

  clear(): void {
    this.#endings.clear();
  }

  /** Keys that end before `nowMs`, the earliest first. */
  due(nowMs: number, keysMax: number): readonly Uint8Array[] {
    const keys: Uint8Array[] = [];
    for (const { expiryMs, key } of this.#endings.from()) {
      if (expiryMs >= nowMs || keys.length >= keysMax) break;
      keys.push(key);
    }
    return keys;
  }

  nextMs(): number | undefined {
    for (const { expiryMs } of this.#endings.from()) return expiryMs;
    return undefined;
  }
}
