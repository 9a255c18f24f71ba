/**
 * Reads what R2 holds from the files that miniflare keeps on disk: the bucket's SQLite table of objects and the blobs
 * beside it. It asks neither the fabric nor workerd, so a test can compare what was promised with what is stored. It
 * may read while workerd runs; an object that is deleted meanwhile makes its `bytes()` throw.
 *
 * Layout (miniflare 5): `r2/miniflare-R2BucketObject/<id>.sqlite` with the tables `_mf_objects` and
 * `_mf_multipart_parts`, and `r2/<bucket>/blobs/<blob id>`. The id is the one of a Durable Object named as the bucket.
 */
import { createHash, createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";

const OBJECT_CLASS = "miniflare-R2BucketObject";

export interface R2File {
  readonly key: string;
  /** Bytes, as the bucket's table says. */
  readonly size: number;
  /** The object's whole content. Throws when the files hold another number of bytes than the table says. */
  bytes(): Buffer;
}

/**
 * All objects of `bucket`, sorted by key. `stateDir` is what `selvedge serve --state` or miniflare's
 * `resourcePersistencePath` names. Empty when the bucket was never written.
 */
export async function readR2Objects(stateDir: string, bucket: string): Promise<R2File[]> {
  const inServe = join(stateDir, "resources");
  const root = join(existsSync(inServe) ? inServe : stateDir, "r2");
  const file = join(root, OBJECT_CLASS, `${objectId(bucket)}.sqlite`);
  if (!existsSync(file)) return [];
  const blobs = join(root, bucket, "blobs");
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    const objects = db.prepare("SELECT key, size, blob_id FROM _mf_objects ORDER BY key").all();
    const parts = db.prepare(
      "SELECT blob_id FROM _mf_multipart_parts WHERE object_key = ? ORDER BY part_number",
    );
    return objects.map((row) => {
      const key = String(row["key"]);
      const blob = row["blob_id"];
      const ids = typeof blob === "string" ? [blob] : parts.all(key).map((part) => String(part["blob_id"]));
      return r2File(
        key,
        Number(row["size"]),
        ids.map((id) => join(blobs, id)),
      );
    });
  } finally {
    db.close();
  }
}

/** The lines of an object of gzip members (or of plain text), without their newlines and without the empty last one. */
export function linesOf(file: R2File): string[] {
  const bytes = file.bytes();
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  const lines = plain.toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function r2File(key: string, size: number, paths: readonly string[]): R2File {
  return {
    key,
    size,
    bytes() {
      const content = Buffer.concat(paths.map((path) => readFileSync(path)));
      if (content.length !== size)
        throw new Error(`${key}: the table says ${size} bytes, the files hold ${content.length}`);
      return content;
    },
  };
}

/** The id that workerd gives the object of this name: a keyed hash of the name, then a keyed hash of that. */
function objectId(name: string): string {
  const key = createHash("sha256").update(OBJECT_CLASS).digest();
  const nameHash = createHmac("sha256", key).update(name).digest().subarray(0, 16);
  const check = createHmac("sha256", key).update(nameHash).digest().subarray(0, 16);
  return Buffer.concat([nameHash, check]).toString("hex");
}
