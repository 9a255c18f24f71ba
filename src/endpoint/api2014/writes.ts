/**
 * `bro_write`: chunks of files, to all who subscribe to a topic; what a path means is theirs to say. On the wire a chunk is
 * the event `Broker::raw_write(path: string, data: string)`, whose data are bytes.
 */
import { string, type Value } from "../../data/value.ts";
import type { FabricEvent } from "../../protocol/event.ts";
import { parseTopic } from "../../protocol/topic.ts";
import { Handled } from "./handled.ts";
import type { Publishing } from "./parts.ts";

const NAME = "Broker::raw_write";
const encoder = new TextEncoder();

export type WriteCallback = (
  topic: string,
  path: string,
  length: number,
  data: Uint8Array,
  cookie: unknown,
) => void;

/** Whether events of this name are chunks, and so are no events for handlers. */
export function isWrite(name: string): boolean {
  return name === NAME;
}

export class Writes extends Handled<WriteCallback> {
  readonly #options: Publishing;

  constructor(options: Publishing) {
    super(options);
    this.#options = options;
  }

  /** Sends a chunk. False with `invalid_topic_key`, `too_large`. */
  write(topic: string, path: string, data: Uint8Array | string): boolean {
    const { error, routes, publish } = this.#options;
    return error.attempt(false, () => {
      routes.assertRaisable(topic);
      parseTopic(topic);
      publish(topic, { name: NAME, args: [string(path), string(data)], metadata: [] });
      return true;
    });
  }

  /** @internal */
  take(topic: string, { args: [path, content] }: FabricEvent): void {
    const data = bytesOf(content);
    if (path?.type !== "string" || typeof path.value !== "string" || data === undefined) return;
    const { value } = path;
    this.handlers.call(topic, (callback, cookie) => callback(topic, value, data.length, data, cookie));
  }
}

/** Bytes that happen to be UTF-8 are held as text. */
function bytesOf(content: Value | undefined): Uint8Array | undefined {
  if (content?.type !== "string") return undefined;
  return typeof content.value === "string" ? encoder.encode(content.value) : content.value;
}
