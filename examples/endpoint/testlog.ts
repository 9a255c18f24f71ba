/** A log stream of the examples, on both sides. */
import type { Endpoint } from "../../src/endpoint/endpoint.ts";

export const TEST_LOG = "Test::LOG";

/** Makes the stream; its log event prints, on the side that writes. */
export function createTestLog(endpoint: Endpoint): void {
  endpoint.logs.create(TEST_LOG, {
    columns: ["msg", "num"],
    path: "test",
    event: ({ values }) => console.log("wrote log", JSON.stringify(values, bigintsToo)),
  });
}

/** For JSON.stringify, which knows no bigints. */
export const bigintsToo = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value;
