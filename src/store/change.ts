/**
 * Changes of a store as its log keeps them and its clones get them, in batches of CBOR:
 *
 *     batch   [first seq, [publisher (16 bytes)…], change…]   the changes have consecutive numbers
 *     change  [0, key, value, expiry (ms since 1970) or null, publisher]   put
 *             [1, key, publisher]                                          erase
 *             [2, key]                                                     expire
 *             [3, publisher]                                               clear
 *
 * where a publisher is an index into the batch's list. Operations that modify a value appear as the put of what they
 * made of it. A batch of tombstones is [seq, key, seq, key…], of the keys that were erased or expired.
 */
import { decodeItem, encodeItem } from "../data/cbor.ts";
import { blob, id16, list, optional, uint, wrong } from "../protocol/frame-fields.ts";
import type { InstanceId } from "../protocol/frame.ts";
import { toBytes } from "../protocol/topic.ts";
import type { StoredEntry } from "./command.ts";

const KIND = { put: 0, erase: 1, expire: 2, clear: 3 } as const;

/** One change. `publisher`: the client whose command it is; an entry that expires has none. */
export type Change =
  | (StoredEntry & { readonly type: "put"; readonly publisher: InstanceId })
  | { readonly type: "erase"; readonly key: Uint8Array; readonly publisher: InstanceId }
  | { readonly type: "expire"; readonly key: Uint8Array }
  | { readonly type: "clear"; readonly publisher: InstanceId };

/** What a change takes in a batch, bytes, or a little more. */
export function changeBytes(change: Change): number {
  if (change.type === "clear") return 32;
  return 40 + change.key.length + (change.type === "put" ? change.value.length : 0);
}

/** The bytes of a batch whose changes are numbered from `first` on. */
export function encodeChanges(first: number, changes: readonly Change[]): Uint8Array {
  const publishers = new Map<InstanceId, number>();
  const indexOf = (publisher: InstanceId) => {
    const known = publishers.get(publisher);
    if (known === undefined) publishers.set(publisher, publishers.size);
    return known ?? publishers.size - 1;
  };
  const items = changes.map((change) => {
    switch (change.type) {
      case "put":
        return [KIND.put, change.key, change.value, change.expiryMs ?? null, indexOf(change.publisher)];
      case "erase":
        return [KIND.erase, change.key, indexOf(change.publisher)];
      case "expire":
        return [KIND.expire, change.key];
      case "clear":
        return [KIND.clear, indexOf(change.publisher)];
    }
  });
  return encodeItem([first, [...publishers.keys()].map(toBytes), ...items]);
}

/** The changes of a batch; keys and values are views. Throws `deserialization_failed` or `invalid_message`. */
export function decodeChanges(bytes: Uint8Array): {
  readonly first: number;
  readonly changes: readonly Change[];
} {
  const [first, ids, ...items] = list(decodeItem(bytes), "batch");
  const publishers = list(ids, "publishers").map((id) => id16(id, "publisher"));
  const publisher = (v: unknown) =>
    publishers[uint(v, "publisher")] ?? wrong("publisher", "an index of the list", v);
  const changes = items.map((item): Change => {
    const [kind, a, b, c, d] = list(item, "change");
    switch (kind) {
      case KIND.put: {
        const expiryMs = optional(c, (ms) => expiryOf(ms));
        return {
          type: "put",
          key: blob(a, "key"),
          value: blob(b, "value"),
          expiryMs,
          publisher: publisher(d),
        };
      }
      case KIND.erase:
        return { type: "erase", key: blob(a, "key"), publisher: publisher(b) };
      case KIND.expire:
        return { type: "expire", key: blob(a, "key") };
      case KIND.clear:
        return { type: "clear", publisher: publisher(a) };
      default:
        return wrong("change", "of a known kind", kind);
    }
  });
  return { first: uint(first, "first"), changes };
}

function expiryOf(v: unknown): number {
  return uint(v, "expiry");
}

/** A key that went, and the change with which it did. */
export interface Tombstone {
  readonly seq: number;
  readonly key: Uint8Array;
}

/** The bytes of a batch of tombstones. */
export function encodeTombstones(tombstones: readonly Tombstone[]): Uint8Array {
  return encodeItem(tombstones.flatMap(({ seq, key }) => [seq, key]));
}

/** The tombstones of a batch. Throws `deserialization_failed` or `invalid_message`. */
export function decodeTombstones(bytes: Uint8Array): readonly Tombstone[] {
  const items = list(decodeItem(bytes), "tombstones");
  const tombstones: Tombstone[] = [];
  for (let i = 0; i < items.length; i += 2) {
    tombstones.push({ seq: uint(items[i], "seq"), key: blob(items[i + 1], "key") });
  }
  return tombstones;
}
