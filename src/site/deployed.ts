/** The layout in force: that of the LAYOUT variable when the deployment sets one, else src/site/layout.ts. */
import { FabricError } from "../base/errors.ts";
import { parseLayout, type Layout } from "../cluster/layout.ts";
import { layout } from "./layout.ts";

let parsed: { readonly variable: string | undefined; readonly layout: Layout } | undefined;

/** Parsed once an isolate. Throws `invalid_layout`. */
export function deployedLayout(variable: string | undefined): Layout {
  if (parsed === undefined || parsed.variable !== variable) {
    parsed = { variable, layout: parseLayout(variable === undefined ? layout : parseJson(variable)) };
  }
  return parsed.layout;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FabricError("invalid_layout", "the LAYOUT variable is not JSON", { cause });
  }
}
