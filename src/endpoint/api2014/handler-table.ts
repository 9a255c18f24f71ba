/** Handlers by topic, several for each, with what their owner gave along. */
import { report } from "../../sdk/handlers.ts";
import { Glob } from "./glob.ts";

interface Entry<Callback> {
  readonly glob: Glob;
  readonly callback: Callback;
  readonly cookie: unknown;
}

export class HandlerTable<Callback> {
  readonly #entries: Entry<Callback>[] = [];

  /** Throws `invalid_topic_key`. */
  add(topic: string, callback: Callback, cookie: unknown): void {
    this.#entries.push({ glob: new Glob(topic), callback, cookie });
  }

  /** Takes the callback away from the very same string; false when it is not there. */
  delete(topic: string, callback: Callback): boolean {
    const at = this.#entries.findIndex((entry) => entry.glob.text === topic && entry.callback === callback);
    if (at >= 0) this.#entries.splice(at, 1);
    return at >= 0;
  }

  get globs(): readonly Glob[] {
    return this.#entries.map(({ glob }) => glob);
  }

  matches(topic: string): boolean {
    return this.#entries.some(({ glob }) => glob.matches(topic));
  }

  /** Calls those whose topic matches. One that throws is reported, and costs the others nothing. */
  call(topic: string, call: (callback: Callback, cookie: unknown) => void): void {
    for (const { glob, callback, cookie } of this.#entries.slice()) {
      if (!glob.matches(topic)) continue;
      try {
        call(callback, cookie);
      } catch (error) {
        report(error);
      }
    }
  }
}
