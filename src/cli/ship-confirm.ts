/**
 * Before a shipper says that something was shipped before: do the loggers still stand where they had acknowledged? A
 * fabric that was started anew, or another one under the same URL, does not (rules 18 and 22).
 */
import { ERROR_CODES, FabricError, isErrorCode } from "../base/errors.ts";
import type { ShipState } from "../logs/ship-state.ts";
import type { FrameOf } from "../protocol/frame.ts";
import { FIRST_PATIENCE_MS, type OpenLogLink } from "../sdk/log-link.ts";

export interface ConfirmOptions {
  readonly state: ShipState;
  readonly openLink: OpenLogLink;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** The fabric was not reached at once, for this reason. Called once. */
  readonly onWait: (reason: string) => void;
}

/**
 * Connects, and asks each logger that has acknowledged batches of the state's writer for its position. Resolves to the
 * loggers that cannot say: they are out of reach, have forgotten the writer after a long silence, or have left the
 * layout. Throws `conflict` when one stands lower, `unavailable` when there is no answer in time, and the fabric's refusal.
 */
export async function confirmPositions(options: ConfirmOptions): Promise<readonly string[]> {
  const { signal } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  const end = listen(options, resolve, reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    end();
  }
}

/** Starts to ask; returns what ends it. */
function listen(
  { state, openLink, patienceMs, onWait }: ConfirmOptions,
  resolve: (unsure: readonly string[]) => void,
  reject: (error: unknown) => void,
): () => void {
  const open = new Map([...state.loggers].flatMap(([name, { acked }]) => (acked > 0 ? [[name, acked]] : [])));
  const unsure: string[] = [];
  let why: string | undefined;
  let patience = wait(Math.min(patienceMs, FIRST_PATIENCE_MS));

  function wait(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const reason = why === undefined ? "" : `: ${why}`;
      const seconds = Math.round(ms / 1000);
      reject(new FabricError("unavailable", `no answer from the fabric for ${seconds} s${reason}`));
    }, ms);
  }

  function settle(logger: string, isSure: boolean): void {
    if (open.delete(logger) && !isSure) unsure.push(logger);
    if (open.size === 0) resolve(unsure);
  }

  function refused({ logger, code, message }: FrameOf<"logRefused">): void {
    if (!open.has(logger)) return;
    const known = isErrorCode(code) ? code : "logic_error";
    // One logger that is out of reach does not keep new records from the others.
    if (known === "unknown_writer" || ERROR_CODES[known].retryable) return settle(logger, false);
    reject(new FabricError(known, `logger ${logger}: ${message}`));
  }

  const link = openLink({
    welcome: (loggers) => {
      clearTimeout(patience);
      patience = wait(patienceMs);
      const names = new Set(loggers.map(({ name }) => name));
      for (const logger of open.keys()) {
        if (names.has(logger)) ask(logger);
        else settle(logger, false);
      }
      if (open.size === 0) resolve(unsure);
    },
    lost: (reason) => {
      if (why === undefined && reason !== undefined) onWait(reason);
      why = reason ?? why;
    },
    logAck: ({ logger, last }) => {
      const acked = open.get(logger);
      if (acked === undefined) return;
      if (last.number < acked) reject(lostState(logger, acked, last.number));
      else settle(logger, true);
    },
    logRefused: refused,
    closed: (error) => reject(error ?? new FabricError("unavailable", "the connection has ended")),
  });

  function ask(logger: string): void {
    const { writer, birthMs } = state;
    link.send({ type: "logResume", logger, writer, birthMs });
  }

  return () => {
    clearTimeout(patience);
    link.close();
  };
}

function lostState(logger: string, acked: number, last: number): FabricError {
  return new FabricError(
    "conflict",
    `logger ${logger} stands at batch ${last} of this writer but had acknowledged ${acked}: ` +
      "the fabric at this URL is another one, or has lost its state",
  );
}
