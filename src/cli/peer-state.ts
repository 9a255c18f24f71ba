/**
 * Where a peering stood on each side: a small file, replaced as a whole, so that a kill leaves the old one or the new.
 * One peering at a time: positions of another one would let events be skipped in silence.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { array, number, object, safeParse, string, type InferOutput } from "valibot";
import { FabricError } from "../base/errors.ts";
import { tryLock, type FileLock } from "./file-lock.ts";

const FILE = "peering.json";
const LOCK_FILE = "peering.lock";
const Positions = array(object({ router: string(), incarnation: number(), seq: number() }));
const State = object({ left: Positions, right: Positions });
const Stored = object({ between: array(string()), ...State.entries });

export type PeerState = InferOutput<typeof State>;

export class PeerStateFile {
  readonly #path: string;
  readonly #between: readonly string[];
  readonly #lock: FileLock;
  #written = "";

  /**
   * @param between The fabrics of the peering, by their addresses.
   * Throws `in_use` when another peering holds the folder.
   */
  constructor(folder: string, between: readonly [left: string, right: string]) {
    const root = resolve(folder);
    mkdirSync(root, { recursive: true });
    const lock = tryLock(join(root, LOCK_FILE));
    if (lock === undefined)
      throw new FabricError("in_use", `${root} is in use by another peering; pass another --state`);
    this.#lock = lock;
    this.#path = join(root, FILE);
    this.#between = between.map((url) => new URL(url).href);
  }

  /** What was written last; nothing at first. Throws `invalid_data` when the file holds something else. */
  read(): PeerState {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return { left: [], right: [] };
      throw error;
    }
    const parsed = safeParse(Stored, jsonOf(text));
    if (!parsed.success) {
      throw new FabricError("invalid_data", `${this.#path} holds no positions; remove it to begin anew`);
    }
    const { between, left, right } = parsed.output;
    if (between.join(" ") === this.#between.join(" ")) return { left, right };
    const message = `${this.#path} is of a peering between ${between.join(" and ")}; pass another --state`;
    throw new FabricError("invalid_data", message);
  }

  /** Writes the positions when they have changed. */
  write(state: PeerState): void {
    const text = JSON.stringify({ between: this.#between, ...state });
    if (text === this.#written) return;
    writeFileSync(`${this.#path}.new`, text);
    renameSync(`${this.#path}.new`, this.#path);
    this.#written = text;
  }

  /** Gives the folder free. */
  close(): void {
    this.#lock.close();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
