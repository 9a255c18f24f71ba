/** Where the package stands. */
import { join } from "node:path";

/** The folder of package.json and wrangler.toml, absolute. */
export const PACKAGE_ROOT = join(import.meta.dirname, "../..");
