/** Credit for a history that ends where the delivery before it does: rules 11 and 12. */
import { expect, test } from "vitest";
import { RouterLedger } from "../../../src/routing/ledger.ts";
import { Outbox, type OutboxDelivery } from "../../../src/routing/outbox.ts";
import { SharedBytes } from "../../../src/routing/shared-bytes.ts";

const AT = { incarnation: 1, seq: 2 };
const delivery: OutboxDelivery = {
  stream: "main+k/",
  bytes: new Uint8Array(10),
  incarnation: 1,
  prev: 1,
  last: 2,
  events: 1,
};

test("[R12] a reader that tells once of both has consumed both", () => {
  const terms = { overflow: "drop_newest", windowBytes: 11, queueBytes: 100, resume: true } as const;
  const ledger = new RouterLedger();
  const box = new Outbox(terms, ledger, new SharedBytes());
  expect(box.pushDirect(delivery)).toBe(true);
  expect(box.pushDirect({ ...delivery, prev: 0, isHistory: true })).toBe(true);
  box.credit(delivery.stream, AT, 11);
  expect(box.inFlightBytes).toBe(0);
  expect(ledger.readers).toMatchObject({ inFlight: 0 });
  expect(box.isReady).toBe(true);
});
