/** `selvedge files ls|get`: files that programs have written in chunks, from the loggers and R2. */
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CAC } from "cac";
import { EXIT } from "./exit.ts";
import { formatTable } from "./table.ts";
import { request, targetOf, type TargetOptions } from "./target.ts";

/** A part of a file (src/worker/files-routes.ts). */
interface FilePart {
  readonly path: string;
  readonly logger: string;
  readonly key: string | null;
  readonly bytes: number;
  readonly since: string;
}

interface GetOptions extends TargetOptions {
  readonly output?: string;
}

export function registerFiles(cli: CAC): void {
  cli
    .command("files ls", "List files that were written in chunks")
    .example("selvedge files ls")
    .example("selvedge files ls --json")
    .action(list);
  cli
    .command("files get <path>", "Print a file, what is still buffered included")
    .option("--output <file>", "Write it there instead")
    .example("selvedge files get extracted/a.pdf --output a.pdf")
    .action(get);
}

async function list(options: TargetOptions): Promise<number> {
  const parts = (await (await request(targetOf(options), "GET", "/v1/files")).json()) as FilePart[];
  if (options.json) {
    console.log(JSON.stringify(parts));
    return EXIT.ok;
  }
  const rows = [...Map.groupBy(parts, ({ path }) => path)].map(([path, all]) => [
    path,
    all.reduce((sum, { bytes }) => sum + bytes, 0),
    all.length,
    all.map(({ since }) => since).toSorted()[0]!,
  ]);
  console.log(formatTable(["path", "bytes", "parts", "since"], rows));
  return EXIT.ok;
}

async function get(path: string, options: GetOptions): Promise<number> {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  const response = await request(targetOf(options), "GET", `/v1/files/${encoded}`);
  const isPrinted = options.output === undefined;
  const target: Writable = options.output === undefined ? process.stdout : createWriteStream(options.output);
  try {
    await pipeline(response.body!, target, { end: !isPrinted });
  } catch (error) {
    // A reader such as head has seen enough when it closes the pipe.
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
  return EXIT.ok;
}
