import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { confirmPositions } from "../../../src/cli/ship-confirm.ts";
import { FIRST_PATIENCE_MS, type LogLinkEvents } from "../../../src/sdk/log-link.ts";
import { loggerState, newShipState } from "../../../src/logs/ship-state.ts";

const WRITER = "w".repeat(16);
const POOL = ["a", "b", "c"].map((name) => ({ name, enabled: name !== "b" }));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A check of a state with these acknowledged batches, and the fabric's side of it. */
function bench(acked: Record<string, number>, patienceMs = 60_000) {
  const state = newShipState(WRITER, 0);
  for (const [name, number] of Object.entries(acked)) loggerState(state, name).acked = number;
  const asked: string[] = [];
  const waits: string[] = [];
  const control = new AbortController();
  let events!: LogLinkEvents;
  let isOpen = true;
  const done = confirmPositions({
    state,
    openLink: (to) => {
      events = to;
      return { send: ({ logger }) => asked.push(logger), close: () => (isOpen = false) };
    },
    patienceMs,
    signal: control.signal,
    onWait: (reason) => waits.push(reason),
  });
  done.catch(() => {});
  const ack = (logger: string, number: number) => {
    const last = { number, hash: new Uint8Array(), range: undefined };
    events.logAck({ type: "logAck", logger, writer: WRITER, last });
  };
  const refuse = (logger: string, code: string) =>
    events.logRefused({
      type: "logRefused",
      logger,
      writer: WRITER,
      number: 0,
      code,
      message: "no",
      last: undefined,
    });
  return { done, events, ack, refuse, asked, waits, control, isOpen: () => isOpen };
}

describe("[R22] before a shipper says that files were shipped before", () => {
  it("every logger that has acknowledged something confirms it, disabled ones included", async () => {
    const { done, events, ack, asked, isOpen } = bench({ a: 2, b: 1, c: 0 });
    events.welcome(POOL);
    expect(asked).toEqual(["a", "b"]);
    ack("a", 2);
    expect(isOpen()).toBe(true);
    ack("b", 1);
    expect(await done).toEqual([]);
    expect(isOpen()).toBe(false);
  });

  it("a logger that stands lower is another fabric's", async () => {
    const { done, events, ack } = bench({ a: 2, b: 1 });
    events.welcome(POOL);
    ack("a", 1);
    await expect(done).rejects.toMatchObject({ code: "conflict" });
  });

  it("the fabric lets the client in, also when there is nothing to confirm", async () => {
    const met = bench({});
    met.events.welcome(POOL);
    expect(await met.done).toEqual([]);
    const unmet = bench({});
    unmet.events.closed(new FabricError("token_invalid", "no"));
    await expect(unmet.done).rejects.toMatchObject({ code: "token_invalid" });
    const forbidden = bench({ a: 1 });
    forbidden.events.welcome(POOL);
    forbidden.refuse("a", "forbidden");
    await expect(forbidden.done).rejects.toMatchObject({ code: "forbidden" });
  });

  it("asks again after a lost connection", async () => {
    const { done, events, ack, asked } = bench({ a: 1 });
    events.welcome(POOL);
    events.lost();
    events.welcome(POOL);
    expect(asked).toEqual(["a", "a"]);
    ack("a", 1);
    expect(await done).toEqual([]);
  });

  it("[A12] names the loggers that cannot say, and goes on", async () => {
    const { done, events, refuse } = bench({ a: 1, b: 2, gone: 3 });
    events.welcome(POOL);
    refuse("a", "unknown_writer");
    refuse("b", "unavailable");
    expect(await done).toEqual(["gone", "a", "b"]);
  });

  it("says at once that it waits, and gives up in time", async () => {
    const { done, events, waits } = bench({ a: 1 });
    events.lost("nobody there");
    events.lost("nobody there");
    expect(waits).toEqual(["nobody there"]);
    await vi.advanceTimersByTimeAsync(FIRST_PATIENCE_MS);
    await expect(done).rejects.toMatchObject({ code: "unavailable" });
    await expect(done).rejects.toThrow("nobody there");
    const mute = bench({ a: 1 }, 30_000);
    mute.events.welcome(POOL);
    await vi.advanceTimersByTimeAsync(30_000);
    await expect(mute.done).rejects.toMatchObject({ code: "unavailable" });
  });

  it("stops when it is told to", async () => {
    const { done, control, isOpen } = bench({ a: 1 });
    control.abort(new Error("enough"));
    await expect(done).rejects.toThrow("enough");
    expect(isOpen()).toBe(false);
  });
});
