/** What the Worker is given: the bindings of wrangler.toml, and variables that a deployment may set. */
export interface FabricEnv extends Env {
  /** A layout as JSON, in place of src/site/layout.ts. */
  readonly LAYOUT?: string;
  /** The key of the deployment's tokens: a secret of at least 32 bytes, or several with ids (src/protocol/access.ts). */
  readonly SELVEDGE_KEY?: string;
  /** "loopback" when `selvedge serve` is bound to loopback and asks for no tokens. Never set it in a deployment. */
  readonly SELVEDGE_OPEN?: string;
  /** Changes with each start of `selvedge serve`. */
  readonly SELVEDGE_LIFE?: string;
}
