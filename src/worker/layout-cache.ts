/**
 * The isolate's copy of the run-time part of the layout (rules.md 34): ClusterLayout is asked at most once in
 * `LIMITS.layoutCacheMs`, however many peers connect, and a change that was made here is known here at once. Without an
 * answer the last known copy holds: what a logger takes is decided by the logger, so an old copy costs a detour only.
 */
import { LIMITS } from "../base/limits.ts";
import { EMPTY_DOCUMENT, loggerOverride, type LayoutDocument } from "../cluster/layout-document.ts";
import type { LoggerOverride } from "../logs/logger.ts";

export interface LayoutCachePorts {
  /** Asks ClusterLayout. */
  read(): Promise<LayoutDocument>;
  nowMs(): number;
  /** Keeps a promise alive when the request that began it is over. */
  keep(promise: Promise<void>): void;
  /** Hears why a read failed. */
  failed(error: unknown): void;
}

export class LayoutCache {
  #document = EMPTY_DOCUMENT;
  #askedMs = -Infinity;
  #reading: Promise<void> | undefined;

  /** The newest document that this isolate has seen. */
  get document(): LayoutDocument {
    return this.#document;
  }

  /** What it says of a logger. */
  overrideOf(logger: string): LoggerOverride {
    return { epoch: this.#document.epoch, enabled: loggerOverride(this.#document, logger) };
  }

  /** Takes a document over, unless it is older. */
  put(document: LayoutDocument): void {
    if (document.epoch >= this.#document.epoch) this.#document = document;
  }

  /** The document, not older than `LIMITS.layoutCacheMs` unless ClusterLayout does not answer. Never rejects. */
  async fresh(ports: LayoutCachePorts): Promise<LayoutDocument> {
    const nowMs = ports.nowMs();
    if (nowMs - this.#askedMs >= LIMITS.layoutCacheMs) {
      this.#askedMs = nowMs;
      const reading = this.#read(ports).finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
      this.#reading = reading;
      ports.keep(reading);
    }
    if (this.#reading !== undefined) await within(this.#reading, LIMITS.layoutWaitMs);
    return this.#document;
  }

  async #read(ports: LayoutCachePorts): Promise<void> {
    try {
      this.put(await ports.read());
    } catch (error) {
      ports.failed(error);
    }
  }
}

/** The promise may be another request's, and that one may be gone: nobody waits for it without end. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
