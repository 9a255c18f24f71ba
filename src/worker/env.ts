/** What the Worker is given: the bindings of wrangler.toml, and variables that a deployment may set. */
import { parseLayout, type Layout } from "../cluster/layout.ts";
import { layout as siteLayout } from "../site/layout.ts";

export interface FabricEnv extends Env {
  /** A layout as JSON, in place of src/site/layout.ts. */
  readonly LAYOUT?: string;
  /** The key of the deployment's tokens: a secret of at least 32 bytes, or two ids with keys (see auth.ts). */
  readonly SELVEDGE_KEY?: string;
  /** "loopback" when `selvedge serve` is bound to loopback and asks for no tokens. Never set it in a deployment. */
  readonly SELVEDGE_OPEN?: string;
  /** Changes with each start of `selvedge serve`. */
  readonly SELVEDGE_LIFE?: string;
}

const layouts = new Map<string | undefined, Layout>();

/** The deployment's layout; parsed once an isolate. Throws `invalid_layout`. */
export function layoutOf(env: FabricEnv): Layout {
  let layout = layouts.get(env.LAYOUT);
  if (layout === undefined) {
    layout = parseLayout(env.LAYOUT === undefined ? siteLayout : JSON.parse(env.LAYOUT));
    layouts.clear();
    layouts.set(env.LAYOUT, layout);
  }
  return layout;
}
