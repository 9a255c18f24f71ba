/** What a client tells its user beside events. */
import type { FabricError } from "../base/errors.ts";
import type { FrameOf, Gap, Position } from "../protocol/frame.ts";
import type { MemberAnswer } from "./client-engine.ts";
import type { ClientStatus } from "./connector.ts";
import type { Welcome } from "./welcome.ts";

/** What happens beside events. */
export interface ClientEvents {
  /** The state of the connection has changed. */
  status: ClientStatus;
  /** Connected, at first and again. */
  welcome: Welcome;
  /** The connection is lost; it is made again after this time, ms. */
  lost: number;
  /** Events were missed, for whatever reason. Nothing is ever missed without this. */
  gap: Gap;
  /** Of the gaps, those that the fabric made because this client was behind; `gap` is called as well. */
  drop: Gap;
  /** After a lost connection: everything that was kept has come, up to this position; `complete` when nothing is missing. */
  recovered: { readonly position: Position; readonly complete: boolean };
  /** Events that went nowhere: published without waiting for the answer, and refused. `flush` rejects as well. */
  refused: { readonly error: FabricError; readonly topics: readonly string[] };
  /** @internal */
  logAck: FrameOf<"logAck">;
  /** @internal */
  logRefused: FrameOf<"logRefused">;
  /** @internal What is said about nodes. */
  member: MemberAnswer;
  /** The client has ended; with the error that ended it, unless `close` did. */
  close: FabricError | undefined;
}
