/** Option `layout` of the hello on a logger's trunk: what operators have said about the logger (PROTOCOL.md, T-1). */
import { FabricError } from "../base/errors.ts";
import type { FrameOf } from "../protocol/frame.ts";
import type { LoggerOverride } from "./logger.ts";

type Options = FrameOf<"hello">["options"];

/** The options that tell it: `[epoch, enabled]`, null where the deployed layout decides. Nothing before epoch 1. */
export function overrideOptions({ epoch, enabled }: LoggerOverride): Options {
  return epoch === 0 ? {} : { layout: [epoch, enabled ?? null] };
}

/** What the options tell, or undefined. Throws `invalid_message` when the option has another form. */
export function overrideOf(options: Options): LoggerOverride | undefined {
  const option = options["layout"];
  if (option === undefined) return undefined;
  const [epoch, enabled] = Array.isArray(option) ? (option as unknown[]) : [];
  const isKnown = typeof enabled === "boolean" || enabled === null;
  if (typeof epoch !== "number" || !Number.isSafeInteger(epoch) || epoch < 0 || !isKnown) {
    throw new FabricError("invalid_message", "option layout must be [epoch, true, false or null]");
  }
  return { epoch, enabled: enabled ?? undefined };
}
