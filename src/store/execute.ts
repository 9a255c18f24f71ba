/** Carries out commands and queries on the entries of a store. What they mean is in operation.ts. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeValue, encodeValue } from "../data/cbor-value.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { StoreBackend } from "./backend.ts";
import type {
  CommandResult,
  Encoded,
  Expiry,
  ModifyCommand,
  QueryAnswer,
  StoreCode,
  StoreCommand,
  StoreQuery,
} from "./command.ts";
import { indexed, modify } from "./operation.ts";
import type { StoreCommit } from "./store-commit.ts";

/** Carries out a command, or says why not. `wrap`: see arithmetic.ts. */
export function execute(
  store: StoreCommit,
  command: StoreCommand,
  publisher: InstanceId,
  wrap: boolean,
): CommandResult {
  const outcome = carryOut(store, command, publisher, wrap);
  const { seq } = store.head;
  return typeof outcome === "object" ? { ...outcome, seq } : { code: outcome, seq };
}

type Outcome = StoreCode | undefined | Pick<CommandResult, "code" | "inserted">;

function carryOut(store: StoreCommit, command: StoreCommand, publisher: InstanceId, wrap: boolean): Outcome {
  switch (command.type) {
    case "put":
      return put(store, command, publisher);
    case "put_unique": {
      if (store.read(command.key) !== undefined) return { code: undefined, inserted: false };
      const code = put(store, command, publisher);
      return { code, inserted: code === undefined };
    }
    case "erase": {
      const row = store.read(command.key);
      if (row !== undefined) store.erase(row, publisher);
      return undefined;
    }
    case "clear":
      store.clear(publisher);
      return undefined;
    default:
      return change(store, command, publisher, wrap);
  }
}

function put(
  store: StoreCommit,
  { key, value, expiry }: Extract<StoreCommand, { type: "put" | "put_unique" }>,
  publisher: InstanceId,
): StoreCode | undefined {
  const expiryMs = expiryOf(expiry, store.head.clockMs);
  if (typeof expiryMs === "string") return expiryMs;
  return store.put(store.read(key), { key, value, expiryMs }, publisher);
}

/** Without an expiry of its own, the operation leaves that of the entry. */
function change(
  store: StoreCommit,
  command: ModifyCommand,
  publisher: InstanceId,
  wrap: boolean,
): StoreCode | undefined {
  const { key, expiry } = command;
  const row = store.read(key);
  const expiryMs = expiry === undefined ? row?.expiryMs : expiryOf(expiry, store.head.clockMs);
  if (typeof expiryMs === "string") return expiryMs;
  const value = modified(command, row?.value, wrap);
  return typeof value === "string" ? value : store.put(row, { key, value, expiryMs }, publisher);
}

function modified(command: ModifyCommand, stored: Encoded | undefined, wrap: boolean): Encoded | StoreCode {
  return orInvalid(() => {
    const made = modify(command, stored === undefined ? undefined : decodeValue(stored), wrap);
    return typeof made === "string" ? made : encodeValue(made);
  });
}

/** Operands that are no values, and results that are nested too deeply, are the caller's fault. */
function orInvalid<T>(run: () => T): T | StoreCode {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FabricError) || error.code === "logic_error") throw error;
    return "invalid_data";
  }
}

/** The moment that an expiry names. */
function expiryOf(expiry: Expiry | undefined, nowMs: number): number | undefined | StoreCode {
  if (expiry === undefined) return undefined;
  const { type, ms } = expiry;
  const atMs = type === "at" ? ms : nowMs + ms;
  const isAllowed = Number.isSafeInteger(ms) && ms > 0 && atMs <= nowMs + LIMITS.storeExpiryMsMax;
  return isAllowed ? atMs : "invalid_data";
}

/** Answers a query. */
export function answer(store: StoreCommit, backend: StoreBackend, query: StoreQuery): QueryAnswer {
  switch (query.type) {
    case "get": {
      const row = store.read(query.key);
      return row === undefined ? refused("no_such_key") : { type: "value", value: row.value };
    }
    case "exists":
      return { type: "exists", exists: store.read(query.key) !== undefined };
    case "get_index": {
      const row = store.read(query.key);
      return row === undefined ? refused("no_such_key") : valueAt(row.value, query.index);
    }
    case "size":
      return { type: "size", keys: store.head.keys, bytes: store.head.bytes };
    case "keys":
    case "entries":
      return page(store, backend, query);
  }
}

function refused(code: StoreCode): QueryAnswer {
  return { type: "refused", code };
}

function valueAt(value: Encoded, index: Encoded): QueryAnswer {
  const found = orInvalid(() => {
    const at = indexed(decodeValue(value), decodeValue(index));
    return typeof at === "string" ? at : encodeValue(at);
  });
  return typeof found === "string" ? refused(found) : { type: "value", value: found };
}

function page(
  store: StoreCommit,
  backend: StoreBackend,
  query: Extract<StoreQuery, { type: "keys" | "entries" }>,
): QueryAnswer {
  const bounds = { rowsMax: LIMITS.storePageRows, bytesMax: LIMITS.storePageBytes };
  const { rows, next } = backend.scan(query.after, bounds);
  const { clockMs } = store.head;
  const alive = rows.filter(({ expiryMs }) => expiryMs === undefined || expiryMs >= clockMs);
  if (query.type === "keys") return { type: "keys", keys: alive.map(({ key }) => key), next };
  const entries = alive.map(({ key, value, expiryMs }) => ({ key, value, expiryMs }));
  return { type: "entries", entries, next };
}
