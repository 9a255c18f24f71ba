/** The bounds of what an object reports, on real storage. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Membership } from "../../durable/membership.ts";
import { Reporter } from "../../durable/reporter.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { parseLayout } from "../../src/cluster/layout.ts";
import { parseTopic } from "../../src/protocol/topic.ts";

const REPORT = { topic: parseTopic("t"), event: { name: "ev", args: [], metadata: [] } };
let names = 0;

/** Runs on the storage of a Membership of its own. */
async function onStorage<T>(run: (storage: DurableObjectStorage, membership: Membership) => T): Promise<T> {
  const stub = env.MEMBERSHIP.getByName(`reporter-${++names}`);
  return runInDurableObject(stub, (membership: Membership, { storage }) => run(storage, membership));
}

const reporterOf = (storage: DurableObjectStorage) =>
  new Reporter({
    storage,
    layout: parseLayout({ loggers: [{ name: "logger-1" }] }),
    env: env as Pick<Env, "ROUTER" | "LOGGER">,
    guard: (step) => step(),
  });

describe("reports that wait", () => {
  it("are at most memberReportsMax publishes and as many batches; more are counted as dropped", async () => {
    const stats = await onStorage((storage) => {
      const reporter = reporterOf(storage);
      storage.transactionSync(() => {
        for (let n = 0; n < LIMITS.memberReportsMax; n++) reporter.add([REPORT], "cluster", ["{}"]);
      });
      const atBound = reporter.stat;
      storage.transactionSync(() => reporter.add([REPORT], "cluster", ["{}"]));
      // Another life of the object finds what waits.
      return [atBound, reporter.stat, reporterOf(storage).stat];
    });
    const waiting = 2 * LIMITS.memberReportsMax;
    expect(stats).toEqual([
      { waiting, dropped: 0 },
      { waiting, dropped: 2 },
      { waiting, dropped: 0 },
    ]);
  });

  it("have at most reportEventsMax events in one publish", async () => {
    const waiting = await onStorage((storage) => {
      const reporter = reporterOf(storage);
      const all = (events: number) => Array.from({ length: events }, () => REPORT);
      storage.transactionSync(() => reporter.add(all(LIMITS.reportEventsMax), "cluster", []));
      const atBound = reporter.stat.waiting;
      storage.transactionSync(() => reporter.add(all(LIMITS.reportEventsMax + 1), "cluster", []));
      return [atBound, reporter.stat.waiting];
    });
    expect(waiting).toEqual([1, 3]);
  });

  it("of clients are at most clientReportsMax within a view", async () => {
    const dropped = await onStorage((_, membership) => {
      const client = { id: "e", address: "", port: 0, applicationName: undefined };
      const report = { type: "lost", client, code: 1000, reason: "" } as const;
      for (let n = 0; n < LIMITS.clientReportsMax; n++) membership.clientChanged(report, "manager");
      const atBound = membership.stat().reports.dropped;
      membership.clientChanged(report, "manager");
      return [atBound, membership.stat().reports.dropped];
    });
    expect(dropped).toEqual([0, 1]);
  });
});
