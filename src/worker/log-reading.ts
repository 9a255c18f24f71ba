/** How HTTP answers read what loggers hold: questions to their objects, bytes of R2, and bodies at the reader's pace. */
import { FabricError } from "../base/errors.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";

export type LogEnv = Pick<FabricEnv, "LOGGER" | "LOGS" | "LAYOUT">;

/** The loggers of the layout, disabled ones included. */
export function loggers(env: LogEnv): string[] {
  return deployedLayout(env.LAYOUT).loggers.map(({ name }) => name);
}

/** Asks a logger. Throws `unavailable` when the object fails or restarts meanwhile: it is there again at once. */
export async function ask<T>(
  env: LogEnv,
  logger: string,
  question: (stub: ReturnType<LogEnv["LOGGER"]["getByName"]>) => Promise<T>,
): Promise<T> {
  try {
    return await question(env.LOGGER.getByName(logger));
  } catch (cause) {
    throw new FabricError("unavailable", `logger ${logger} did not answer`, { cause });
  }
}

/** The bytes of a logger's batches of a stream, numbered above `after`, up to and including `upTo`, in their order. */
export async function* batchBytes(
  env: LogEnv,
  stream: string,
  { logger, after, upTo }: { readonly logger: string; readonly after: number; readonly upTo: number },
): AsyncGenerator<Uint8Array> {
  for (;;) {
    using units = await ask(env, logger, async (stub) => stub.read(stream, after, upTo));
    if (units.length === 0) break;
    for (const unit of units) {
      if (unit.type === "batches") yield unit.bytes;
      else yield* objectBytes(env, unit);
      after = unit.last;
    }
  }
}

async function* objectBytes(
  env: LogEnv,
  { key, offset, length }: { key: string; offset: number; length: number },
): AsyncGenerator<Uint8Array> {
  const object = await env.LOGS.get(key, { range: { offset, length } });
  if (object === null) throw new FabricError("backend_failure", `${key} is in the manifest and not in R2`);
  yield* object.body;
}

/** An array of JSON values, one a line, as they come. */
export async function* jsonLines(values: AsyncIterable<object>): AsyncGenerator<string> {
  let separator = "[";
  for await (const value of values) {
    yield `${separator}${JSON.stringify(value)}`;
    separator = ",\n";
  }
  yield separator === "[" ? "[]\n" : "]\n";
}

/** A body that pulls, so that the reader's pace is the loggers' pace; an error on the way breaks the body off. */
export function streamed<T>(
  source: AsyncGenerator<T>,
  type: string,
  encode: (item: T) => Uint8Array,
): Response {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done === true) controller.close();
      else controller.enqueue(encode(value));
    },
    async cancel() {
      await source.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
}
