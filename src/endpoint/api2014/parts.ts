/** What the parts of a context share. */
import type { FabricEvent } from "../../protocol/event.ts";
import type { LastError } from "./last-error.ts";
import type { Routes } from "./routes.ts";

export interface Shared {
  readonly error: LastError;
  /** What is wanted or offered has changed. */
  readonly changed: () => void;
}

export interface Publishing extends Shared {
  readonly routes: Routes;
  /** Throws like the exchange's `publish`. */
  readonly publish: (topic: string, event: FabricEvent) => void;
}
