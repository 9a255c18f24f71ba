/** Writes the pages under docs/ that are made from the source: `npx node scripts/docs.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pages, ROOT } from "./docs-pages.ts";

for (const [path, text] of await pages()) {
  writeFileSync(join(ROOT, path), text);
  console.log(path);
}
