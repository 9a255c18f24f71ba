/** The version of this release, as clients and operators are told it. */
import manifest from "../../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
