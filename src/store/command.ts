/**
 * What may be asked of a store: Broker's operations under Broker's names, as values. Keys, values and operands are
 * canonical CBOR (data/cbor-value.ts; keys as `encodeKey` gives them), so that a put is stored, logged and sent to
 * clones without being looked into. Source: spec/stores.md §2.
 */
import type { ErrorCode } from "../base/errors.ts";

/** Canonical CBOR of one value. */
export type Encoded = Uint8Array;

/**
 * When an entry ends: so long after the master applies the command, or at a moment, ms since 1970. Of put and
 * put_unique its absence makes the entry permanent; of the other operations it leaves the entry's expiry as it is.
 */
export type Expiry =
  { readonly type: "after"; readonly ms: number } | { readonly type: "at"; readonly ms: number };

interface Keyed {
  readonly key: Encoded;
  readonly expiry?: Expiry;
}

/** An operation that makes a new value of a stored one. */
export type ModifyCommand = Keyed &
  (
    | { readonly type: "increment"; readonly amount?: Encoded }
    /** `create`: a missing key counts as zero, as in the interface of 2014; otherwise it is `no_such_key`. */
    | { readonly type: "decrement"; readonly amount?: Encoded; readonly create?: boolean }
    | { readonly type: "append"; readonly text: Encoded }
    | { readonly type: "insert_into_set"; readonly index: Encoded }
    | { readonly type: "insert_into_table"; readonly index: Encoded; readonly value: Encoded }
    | { readonly type: "remove_from"; readonly index: Encoded }
    | { readonly type: "push"; readonly value: Encoded }
    | { readonly type: "pop" }
  );

export type StoreCommand =
  | (Keyed & { readonly type: "put" | "put_unique"; readonly value: Encoded })
  | { readonly type: "erase"; readonly key: Encoded }
  | { readonly type: "clear" }
  | ModifyCommand;

/** Why a command was not carried out, or a query has no value. */
export type StoreCode = Extract<
  ErrorCode,
  | "no_such_key"
  | "type_clash"
  | "invalid_data"
  | "too_large"
  | "store_full"
  | "stale_data"
  | "request_timeout"
  | "unknown"
>;

/** What became of a command. */
export interface CommandResult {
  /** Undefined: it was carried out. */
  readonly code: StoreCode | undefined;
  /** Of put_unique: whether this command wrote the value. */
  readonly inserted?: boolean;
  /** A clone that has come this far shows what the command did, or what it lost against. */
  readonly seq: number;
}

/** What may be asked without changing anything. */
export type StoreQuery =
  | { readonly type: "get" | "exists"; readonly key: Encoded }
  | { readonly type: "get_index"; readonly key: Encoded; readonly index: Encoded }
  | { readonly type: "size" }
  /** A page: in byte order of the keys, those behind `after`; `entries` with values and expiries. */
  | { readonly type: "keys" | "entries"; readonly after?: Encoded };

export interface StoredEntry {
  readonly key: Encoded;
  readonly value: Encoded;
  /** When it ends, ms since 1970. */
  readonly expiryMs: number | undefined;
}

export type QueryAnswer =
  | { readonly type: "refused"; readonly code: StoreCode }
  | { readonly type: "value"; readonly value: Encoded }
  | { readonly type: "exists"; readonly exists: boolean }
  | { readonly type: "size"; readonly keys: number; readonly bytes: number }
  /** `next`: the page behind this one begins after it; undefined: there is none. */
  | { readonly type: "keys"; readonly keys: readonly Encoded[]; readonly next: Encoded | undefined }
  | {
      readonly type: "entries";
      readonly entries: readonly StoredEntry[];
      readonly next: Encoded | undefined;
    };
