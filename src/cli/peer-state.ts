/** Where a peering stood on each side: a small file, replaced as a whole, so that a kill leaves the old one or the new. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { array, number, object, safeParse, string, type InferOutput } from "valibot";
import { FabricError } from "../base/errors.ts";

const FILE = "peering.json";
const Positions = array(object({ router: string(), incarnation: number(), seq: number() }));
const State = object({ left: Positions, right: Positions });

export type PeerState = InferOutput<typeof State>;

export class PeerStateFile {
  readonly #path: string;
  #written = "";

  constructor(folder: string) {
    const root = resolve(folder);
    mkdirSync(root, { recursive: true });
    this.#path = join(root, FILE);
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
    const parsed = safeParse(State, jsonOf(text));
    if (parsed.success) return parsed.output;
    throw new FabricError("invalid_data", `${this.#path} holds no positions; remove it to begin anew`);
  }

  /** Writes the positions when they have changed. */
  write(state: PeerState): void {
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    writeFileSync(`${this.#path}.new`, text);
    renameSync(`${this.#path}.new`, this.#path);
    this.#written = text;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
