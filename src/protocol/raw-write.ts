/**
 * Chunks of files on their way to whoever subscribes: `Broker::raw_write(path: string, data: string)`, whose data are
 * bytes. What a path means is the receiver's to say.
 */
import { string, type Value } from "../data/value.ts";
import type { FabricEvent } from "./event.ts";

const NAME = "Broker::raw_write";
const encoder = new TextEncoder();

/** A chunk, or text, of a file. */
export interface RawWrite {
  readonly path: string;
  readonly data: Uint8Array;
}

/** Whether events of this name are chunks. */
export function isRawWrite(name: string): boolean {
  return name === NAME;
}

/** The event of a chunk. */
export function rawWrite(path: string, data: Uint8Array | string): FabricEvent {
  return { name: NAME, args: [string(path), string(data)], metadata: [] };
}

/** The chunk that an event carries; undefined for one that carries none. */
export function parseRawWrite({
  name,
  args: [path, content],
}: Pick<FabricEvent, "name" | "args">): RawWrite | undefined {
  const data = bytesOf(content);
  if (!isRawWrite(name) || path?.type !== "string" || typeof path.value !== "string") return undefined;
  return data === undefined ? undefined : { path: path.value, data };
}

/** Bytes that happen to be UTF-8 are held as text. */
function bytesOf(content: Value | undefined): Uint8Array | undefined {
  if (content?.type !== "string") return undefined;
  return typeof content.value === "string" ? encoder.encode(content.value) : content.value;
}
