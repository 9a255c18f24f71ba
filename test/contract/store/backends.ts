/** The backends that are pure; SQLite runs the same suites inside of workerd. */
import type { StoreBackend } from "../../../src/store/backend.ts";
import { MemoryBackend } from "../../../src/store/memory-backend.ts";
import { TableBackend } from "../../../src/store/table-backend.ts";

export type MakeBackend = () => StoreBackend;

export const BACKENDS: readonly (readonly [name: string, make: MakeBackend])[] = [
  ["memory", () => new MemoryBackend()],
  ["table", () => new TableBackend()],
];
