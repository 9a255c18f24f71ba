/**
 * The one error class of the fabric and the table of its codes. Names are Broker's where Broker has one
 * (spec: Broker's `ec`); the rest are ours. Callers branch on `code`, never on text.
 */

interface CodeInfo {
  /** One sentence for docs/errors.md and for people. */
  readonly sentence: string;
  /** HTTP status when the error answers a request. */
  readonly http: number;
  /** WebSocket close code when the error ends a connection. */
  readonly close: number;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

const info = (sentence: string, http: number, close: number, retryable = false): CodeInfo => ({
  sentence,
  http,
  close,
  retryable,
});

/** Every error code, its meaning, and what it maps to. */
export const ERROR_CODES = {
  deserialization_failed: info("A message could not be decoded.", 400, 1007),
  invalid_data: info("A value is outside the range or shape that its field allows.", 400, 1008),
  invalid_topic_key: info("A topic or prefix is not allowed.", 400, 1008),
  type_clash: info("A value has another type than the operation needs.", 409, 1008),
  invalid_message: info("A frame has an unknown type or its fields have the wrong shape.", 400, 1008),
  invalid_uri: info("The path of a WebSocket request names no endpoint of the fabric.", 404, 1008),
  invalid_application_name: info("X-Application-Name has a character that is not allowed.", 400, 1008),
  handshake_timeout: info("A peer did not send its first frame in time.", 408, 1008),
  too_large: info("A frame, message or batch is larger than its bound.", 413, 1009),
  too_many: info("A count is over its bound.", 429, 1008),
  version_unsupported: info("The two sides share no protocol version.", 426, 1002),
  no_key: info("The deployment has no key, so it refuses everybody.", 503, 1013),
  no_token: info("The request carries no bearer token.", 401, 1008),
  token_invalid: info("The bearer token is malformed or its signature is wrong.", 401, 1008),
  token_expired: info("The bearer token has expired.", 401, 1008),
  forbidden: info("The token does not grant this.", 403, 1008),
  not_found: info("There is nothing under this name.", 404, 1008),
  slow_reader: info(
    "A reader took less than it was sent for longer than its allowance lasts.",
    503,
    1013,
    true,
  ),
  publisher_too_fast: info("A publisher sent more than its session may queue.", 503, 1013, true),
  gap: info(
    "Events for this peer were lost upstream; what came after them is not shown as if nothing happened.",
    503,
    1012,
    true,
  ),
  unknown_node: info("The layout has no such node.", 404, 1008),
  duplicate_node: info("Another process has joined under the name of this node.", 409, 1008),
  superseded: info("A newer connection of the same client instance took over.", 409, 1008),
  moved: info("The topic belongs to another router in the current table.", 421, 1012, true),
  unavailable: info("A part of the fabric did not answer in time.", 503, 1013, true),
  shutting_down: info("The server is going away.", 503, 1001, true),
  unknown_logger: info("The layout has no such logger.", 404, 1008),
  logger_disabled: info("The layout has disabled this logger for new batches.", 409, 1008, true),
  unknown_writer: info(
    "The logger does not know this writer, and a new one may start only at batch 1.",
    409,
    1008,
  ),
  expected: info(
    "A log batch or store command has another number than the one that follows the last.",
    409,
    1008,
  ),
  same_fabric: info("Both sides of a peering are one fabric, or call themselves the same.", 409, 1008),
  conflict: info("A log batch repeats a number with other content.", 409, 1008),
  invalid_batch: info(
    "A log batch is not what it claims: gzip, checksum, records or final newline.",
    400,
    1008,
  ),
  no_such_key: info("The store has no such key, or the value no such index.", 404, 1008),
  stale_data: info("The clone has not heard of its master for too long, or not yet.", 503, 1013, true),
  store_full: info("The store has no room for this entry.", 507, 1008),
  unknown: info(
    "Whether this command was carried out is not known any more; it is not carried out again.",
    409,
    1008,
  ),
  request_timeout: info("No reply came in time.", 504, 1008, true),
  peer_unavailable: info("Nothing takes a peering at this location.", 503, 1013, true),
  redundant_connection: info("The peer is connected already.", 409, 1008),
  no_receiver: info("Nobody is subscribed to the topic of a request.", 503, 1008, true),
  unhandled: info(
    "The node that a pool event went to is gone, and did not say that it handled it.",
    503,
    1008,
    true,
  ),
  in_use: info("A port or a folder is held by another process.", 409, 1011, true),
  layout_changed: info(
    "The layout was changed by somebody else meanwhile: look at it again.",
    409,
    1008,
    true,
  ),
  script_error: info("A script did what scripts may not do there.", 500, 1011),
  invalid_layout: info("The layout contradicts itself.", 500, 1011),
  backend_failure: info("Storage failed.", 500, 1011, true),
  not_supported_here: info("This deployment, or this release that it stands for, cannot do that.", 501, 1011),
  logic_error: info("A broken invariant: a defect of the fabric.", 500, 1011),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether a code that came over the wire is one of this table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** The only error that the fabric throws on purpose. `details` holds field, bound and the like, never payloads. */
export class FabricError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FabricError";
    this.code = code;
    this.details = options.details;
  }

  /** HTTP status of this error. */
  get http(): number {
    return ERROR_CODES[this.code].http;
  }

  /** WebSocket close code of this error. */
  get close(): number {
    return ERROR_CODES[this.code].close;
  }

  /** What a client may see: code and message. */
  toJSON(): { code: ErrorCode; message: string } {
    return { code: this.code, message: this.message };
  }
}
