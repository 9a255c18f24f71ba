/**
 * The trunks of a router to nodes that the fabric runs (node-calls.ts). Each frame is a row from the commit in which it
 * was sent until the node has taken it, so nothing is lost when either of the two dies (rule 31).
 */
import { LIMITS } from "../src/base/limits.ts";
import type { NodeCalls, Push } from "./node-calls.ts";
import { all, blob, int, isNull, text, toBlob } from "./sqlite.ts";
import { trace } from "./trace.ts";

/** A step of the schema of a router. AUTOINCREMENT: a number never comes twice. */
export const NODE_PUSH_SCHEMA = `
  CREATE TABLE node_pushes (number INTEGER PRIMARY KEY AUTOINCREMENT, node TEXT NOT NULL,
    connection INTEGER NOT NULL, frame BLOB);
  CREATE INDEX node_pushes_by_node ON node_pushes (node, number);`;

const ID_PREFIX = "node:";

/** A trunk to a node; each connection of it is another one to the engine. */
export interface NodeTrunk {
  readonly node: string;
  readonly connection: number;
}

/** The id of the trunk to a node: no socket has such a one. */
export function nodeTrunkId({ node, connection }: NodeTrunk): string {
  return `${ID_PREFIX}${node}:${connection}`;
}

/** The trunk with this id, or undefined for one that is a socket. */
export function nodeTrunkOf(id: string): NodeTrunk | undefined {
  if (!id.startsWith(ID_PREFIX)) return undefined;
  const [node, connection] = id.slice(ID_PREFIX.length).split(":");
  return { node: node!, connection: Number(connection) };
}

export interface RouterNodesPorts {
  readonly router: string;
  readonly sql: SqlStorage;
  stub(node: string): NodeCalls;
  /** Frames of a node; a throw discards the router. */
  received(trunk: NodeTrunk, frames: readonly Uint8Array[]): void;
  /** Something waits for a node that does not answer: come back at this time, or not at all. */
  wakeAt(atMs: number | undefined): void;
}

export class RouterNodes {
  readonly #ports: RouterNodesPorts;
  /** Nodes that are being pushed to. */
  readonly #busy = new Set<string>();
  readonly #failures = new Map<string, number>();

  constructor(ports: RouterNodesPorts) {
    this.#ports = ports;
  }

  /** Keeps a frame for a node, or the end of its trunk; part of the caller's transaction, `push` after it. */
  add({ node, connection }: NodeTrunk, frame: Uint8Array | null): void {
    const bytes = frame === null ? null : toBlob(frame);
    const values = [node, connection, bytes] as const;
    this.#ports.sql.exec("INSERT INTO node_pushes (node, connection, frame) VALUES (?, ?, ?)", ...values);
  }

  /** Wakes a node that has no trunk yet. One that cannot be woken is tried again with the router's next start. */
  attach(node: string): void {
    this.#ports
      .stub(node)
      .attach()
      .catch((error: unknown) => {
        trace("router.attach_failed", { router: this.#ports.router, node, error: String(error) });
      });
  }

  /** Pushes to all nodes that something waits for. */
  pushAll(): void {
    const nodes = all(this.#ports.sql.exec("SELECT DISTINCT node FROM node_pushes"), (row) =>
      text(row, "node"),
    );
    for (const node of nodes) this.push(node);
  }

  /** Pushes what waits for a node, in order, one call at a time. */
  push(node: string): void {
    if (!this.#busy.has(node)) void this.#run(node);
  }

  async #run(node: string): Promise<void> {
    this.#busy.add(node);
    try {
      for (let pushes = this.#next(node); pushes.length > 0; pushes = this.#next(node)) {
        const { taken, connection, frames } = await this.#ports.stub(node).push(this.#ports.router, pushes);
        this.#ports.sql.exec("DELETE FROM node_pushes WHERE node = ? AND number <= ?", node, taken);
        this.#ports.received({ node, connection }, frames);
      }
      this.#failures.delete(node);
      if (this.#failures.size === 0) this.#ports.wakeAt(undefined);
    } catch (error) {
      trace("router.push_failed", { router: this.#ports.router, node, error: String(error) });
      this.#retry(node);
    } finally {
      this.#busy.delete(node);
    }
  }

  /** At once by a timer, later by an alarm: a node that is broken must not keep the router awake. */
  #retry(node: string): void {
    const failures = (this.#failures.get(node) ?? 0) + 1;
    this.#failures.set(node, failures);
    const waitMs = LIMITS.trunkRetryMs * 2 ** (failures - 1);
    if (waitMs <= LIMITS.trunkRetryMaxMs) setTimeout(() => this.push(node), waitMs);
    else this.#ports.wakeAt(Date.now() + LIMITS.alarmRetryMs);
  }

  #next(node: string): readonly Push[] {
    const pushes: Push[] = [];
    let bytes = 0;
    const rows = this.#ports.sql.exec(
      "SELECT number, connection, frame FROM node_pushes WHERE node = ? ORDER BY number",
      node,
    );
    for (const row of rows) {
      const frame = isNull(row, "frame") ? null : blob(row, "frame");
      pushes.push({ number: int(row, "number"), connection: int(row, "connection"), frame });
      bytes += frame?.length ?? 0;
      if (bytes >= LIMITS.nodePushBytes || pushes.length >= LIMITS.nodePushesMax) break;
    }
    return pushes;
  }
}
