/** A native reader whose hello names no window: it never says what it has consumed, so an allowance bounds it (N-19). */
import { afterEach, expect, test } from "vitest";
import { AWAY_LAYOUT, until } from "../support/away.ts";
import { FullLoad } from "../support/full-load.ts";
import { useFabric } from "../support/json-v1-fabric.ts";
import { ResumingReader } from "../support/resuming-reader.ts";

const jsonReader = { bytesPerSecond: 100_000, burstBytes: 4_000_000 };
/** Far more than the allowance, and than a kernel holds for one connection. */
const BYTES = 40e6;

const fabric = useFabric({ layout: { ...AWAY_LAYOUT, jsonReader } });
const witness = new ResumingReader("full/", { events: "counted" });
const stopped = new ResumingReader("full/", { events: "counted", window: "none" });
const load = new FullLoad("full/x", () => witness.received);

afterEach(() => {
  load.close();
  witness.cut();
  stopped.cut();
});

test("N-19 R4 R14 a reader without a window that stops is closed, others lose nothing, and it is told its gap when it is back", async () => {
  const wsUrl = fabric().url.replace("http", "ws");
  await witness.connect(wsUrl);
  await load.connect(wsUrl);
  await stopped.connect(wsUrl);
  stopped.pause();
  load.start();
  await until(() => load.bytes > BYTES);
  await load.stop();
  await until(() => witness.received === load.events);
  expect(witness).toMatchObject({ gaps: [], untold: [], closed: undefined });
  stopped.resume();
  await until(() => stopped.closed !== undefined);
  expect(stopped.closed).toEqual({ code: 1013, reason: "slow_reader" });
  expect(stopped.received).toBeLessThan(load.events / 2);
  const [from] = stopped.positions;
  await stopped.connect(wsUrl);
  const [to] = witness.positions;
  expect(stopped.gaps).toMatchObject([{ extent: "exact", from, to, reason: "away" }]);
  expect(stopped.untold).toEqual([]);
});
