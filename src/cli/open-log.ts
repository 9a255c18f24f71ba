/** Log files as commands read them. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

/** The bytes of a file, those in it where its name ends in `.gz`; an error of either reaches whoever reads them. */
export function openLog(file: string): NodeJS.ReadableStream {
  const source = createReadStream(file);
  if (!file.endsWith(".gz")) return source;
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  return source.pipe(gunzip);
}
