/** What a node keeps, in memory: for processes, whose scripts live as long as they do, and for tests. */
import type {
  AwaitedOperation,
  ScriptChange,
  ScheduledEvent,
  Setting,
  StateStore,
  StoredNode,
} from "./effects.ts";

export class MemoryNode implements StateStore {
  readonly #state = new Map<string, Uint8Array>();
  readonly #schedules = new Map<number, ScheduledEvent>();
  readonly #awaited = new Map<number, AwaitedOperation>();
  readonly #settings = new Map<string, Setting>();
  #isBegun = false;

  /** What another engine of the same life starts from. */
  get stored(): StoredNode {
    return {
      isBegun: this.#isBegun,
      schedules: [...this.#schedules.values()],
      settings: [...this.#settings.values()],
      awaited: [...this.#awaited.values()],
    };
  }

  get(key: string): Uint8Array | undefined {
    return this.#state.get(key);
  }

  entries(prefix: string): readonly (readonly [key: string, bytes: Uint8Array])[] {
    return [...this.#state].filter(([key]) => key.startsWith(prefix));
  }

  apply(change: ScriptChange): void {
    switch (change.type) {
      case "begun":
        this.#isBegun = true;
        return;
      case "put":
        this.#state.set(change.key, change.bytes);
        return;
      case "erase":
        this.#state.delete(change.key);
        return;
      case "scheduled":
        this.#schedules.set(change.scheduled.id, change.scheduled);
        return;
      case "unscheduled":
        this.#schedules.delete(change.id);
        return;
      case "awaits":
        this.#awaited.set(change.operation.id, change.operation);
        return;
      case "awaited":
        this.#awaited.delete(change.id);
        return;
      case "setting": {
        const { kind, name, isOn } = change;
        const key = `${kind} ${name}`;
        if (isOn === undefined) this.#settings.delete(key);
        else this.#settings.set(key, { kind, name, isOn });
      }
    }
  }
}
