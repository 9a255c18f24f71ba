/**
 * A lock that one process holds at a time: SQLite's own on a small file, which the system frees when the holder dies, so
 * no stale lock survives a kill.
 */
import { DatabaseSync } from "node:sqlite";

export interface FileLock {
  /** Gives it free. */
  close(): void;
}

/** Takes the lock; undefined when another process has it. Makes the file when missing. */
export function tryLock(path: string): FileLock | undefined {
  const lock = new DatabaseSync(path);
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined;
    throw error;
  }
}
