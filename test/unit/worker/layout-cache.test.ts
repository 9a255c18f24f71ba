/** The isolate's copy of the layout: how often it asks, and what holds meanwhile. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { EMPTY_DOCUMENT, type LayoutDocument } from "../../../src/cluster/layout-document.ts";
import { LayoutCache, type LayoutCachePorts } from "../../../src/worker/layout-cache.ts";

const documentOf = (epoch: number): LayoutDocument => ({
  ...EMPTY_DOCUMENT,
  epoch,
  loggers: [{ name: "one", enabled: false }],
});

/** A cache over an object that answers with its epoch, or as `read` says. */
function bench() {
  const state = { epoch: 1, nowMs: 0, reads: 0, failures: 0, kept: 0 };
  const cache = new LayoutCache();
  const ports = (read?: LayoutCachePorts["read"]): LayoutCachePorts => ({
    read: async () => {
      state.reads++;
      return read === undefined ? documentOf(state.epoch) : read();
    },
    nowMs: () => state.nowMs,
    keep: () => void state.kept++,
    failed: () => void state.failures++,
  });
  return { cache, state, ports };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("[R34] an isolate's copy of the layout", () => {
  it(`is read once in ${LIMITS.layoutCacheMs} ms, however many ask`, async () => {
    const { cache, state, ports } = bench();
    const all = await Promise.all(Array.from({ length: 100 }, async () => cache.fresh(ports())));
    expect(new Set(all.map(({ epoch }) => epoch))).toEqual(new Set([1]));
    state.epoch = 2;
    state.nowMs = LIMITS.layoutCacheMs - 1;
    expect((await cache.fresh(ports())).epoch).toBe(1);
    expect(state).toMatchObject({ reads: 1, kept: 1 });
    state.nowMs = LIMITS.layoutCacheMs;
    expect((await cache.fresh(ports())).epoch).toBe(2);
    expect(state.reads).toBe(2);
  });

  it("takes a change of its own over at once, and never an older one", async () => {
    const { cache, ports } = bench();
    expect(cache.overrideOf("one")).toEqual({ epoch: 0, enabled: undefined });
    await cache.fresh(ports());
    cache.put(documentOf(5));
    expect((await cache.fresh(ports())).epoch).toBe(5);
    cache.put(documentOf(4));
    expect(cache.overrideOf("one")).toEqual({ epoch: 5, enabled: false });
    expect(cache.overrideOf("two")).toEqual({ epoch: 5, enabled: undefined });
  });

  it("holds on while the object fails, which is told, and asks again later", async () => {
    const { cache, state, ports } = bench();
    await cache.fresh(ports());
    state.nowMs = LIMITS.layoutCacheMs;
    const fail = async () => Promise.reject(new FabricError("unavailable", "no"));
    expect((await cache.fresh(ports(fail))).epoch).toBe(1);
    expect(state).toMatchObject({ reads: 2, failures: 1 });
    expect((await cache.fresh(ports(fail))).epoch).toBe(1);
    expect(state.reads).toBe(2);
  });

  it(`waits ${LIMITS.layoutWaitMs} ms for a silent object, and asks anew when its time has come`, async () => {
    const { cache, state, ports } = bench();
    const silent = async () => new Promise<LayoutDocument>(() => undefined);
    let epoch: number | undefined;
    const waiting = cache.fresh(ports(silent)).then((document) => (epoch = document.epoch));
    await vi.advanceTimersByTimeAsync(LIMITS.layoutWaitMs - 1);
    expect(epoch).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(epoch).toBe(0);
    state.nowMs = LIMITS.layoutCacheMs;
    expect((await cache.fresh(ports())).epoch).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
