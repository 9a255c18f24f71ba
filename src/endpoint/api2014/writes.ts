/** `bro_write`: chunks of files, to all who subscribe to a topic (protocol/raw-write.ts). */
import type { FabricEvent } from "../../protocol/event.ts";
import { parseRawWrite, rawWrite } from "../../protocol/raw-write.ts";
import { parseTopic } from "../../protocol/topic.ts";
import { Handled } from "./handled.ts";
import type { Publishing } from "./parts.ts";

export type WriteCallback = (
  topic: string,
  path: string,
  length: number,
  data: Uint8Array,
  cookie: unknown,
) => void;

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
      publish(topic, rawWrite(path, data));
      return true;
    });
  }

  /** @internal */
  take(topic: string, event: FabricEvent): void {
    const write = parseRawWrite(event);
    if (write === undefined) return;
    const { path, data } = write;
    this.handlers.call(topic, (callback, cookie) => callback(topic, path, data.length, data, cookie));
  }
}
