/** What load clients can speak. */
import type { Dialect } from "./client.ts";
import { jsonV1Dialect } from "./json-v1-dialect.ts";
import { natsArgsDialect, natsDialect } from "./nats-dialect.ts";
import { nativeDialect } from "./native-dialect.ts";
import { partyDialect, relayDialect } from "./relay-dialect.ts";
import { sdkArgsDialect, sdkDialect } from "./sdk-dialect.ts";

export type DialectName =
  "json-v1" | "bare" | "native" | "relay" | "party" | "sdk" | "sdk-args" | "nats" | "nats-args";

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  "json-v1": jsonV1Dialect,
  bare: jsonV1Dialect,
  native: nativeDialect,
  relay: relayDialect,
  party: partyDialect,
  sdk: sdkDialect,
  "sdk-args": sdkArgsDialect,
  nats: natsDialect,
  "nats-args": natsArgsDialect,
};
