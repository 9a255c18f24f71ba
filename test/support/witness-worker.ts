/** The Worker with the scripts that it ships, and a witness on its proxies. */
import shipped from "../../src/policy/shipped.ts";
import { scripts } from "../../src/site/scripts.ts";
import witness from "./witness.ts";

Object.assign(scripts, { withWorkers: { MANAGER: shipped, PROXY: [...shipped, witness] } });

export * from "../../src/index.ts";
export { default } from "../../src/index.ts";
