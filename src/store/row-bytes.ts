/** What an entry counts for in the size of a store: its key, its value, and what a row takes besides. */
const ROW_BYTES = 32;

export function rowBytes(row: { readonly key: Uint8Array; readonly value: Uint8Array }): number {
  return row.key.length + row.value.length + ROW_BYTES;
}
