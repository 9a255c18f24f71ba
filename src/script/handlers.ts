/** The handlers of a node's scripts by event, and the types of arguments that they declare. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { VALUE_TYPES, type Value } from "../data/value.ts";
import type { ArgumentType } from "./zeek.ts";

export interface Handler {
  readonly script: string;
  readonly priority: number;
  readonly run: (...args: Value[]) => unknown;
}

/** A Zeek identifier, with its module or modules. */
const EVENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*$/;

export class Handlers {
  readonly #byEvent = new Map<string, Handler[]>();
  readonly #types = new Map<string, readonly ArgumentType[]>();
  /** Events of modules, by their names without the module. */
  readonly #qualified = new Map<string, string>();
  #count = 0;

  /** Throws `invalid_data` for a name or a type that is none, `type_clash` for other types than before, `too_many`. */
  add(event: string, handler: Handler, types: readonly ArgumentType[] | undefined): void {
    if (!EVENT_NAME.test(event)) throw new FabricError("invalid_data", `${event} is no name of an event`);
    if (!Number.isFinite(handler.priority)) {
      throw new FabricError("invalid_data", `the priority of a handler of ${event} is a number`);
    }
    if (++this.#count > LIMITS.scriptHandlersMax) {
      throw new FabricError("too_many", `a node has at most ${LIMITS.scriptHandlersMax} handlers`);
    }
    if (types !== undefined) this.#declare(event, types);
    const handlers = this.#byEvent.get(event) ?? [];
    handlers.push(handler);
    this.#byEvent.set(
      event,
      handlers.toSorted((a, b) => b.priority - a.priority),
    );
    const module = event.lastIndexOf("::");
    if (module >= 0) this.#qualified.set(event.slice(module + 2), event);
  }

  /** The handlers of an event, in the order in which they run. */
  of(event: string): readonly Handler[] {
    return this.#byEvent.get(event) ?? [];
  }

  /** What is wrong with the arguments of an event, or undefined. */
  problem(event: string, args: readonly Value[]): string | undefined {
    const types = this.#types.get(event);
    if (types === undefined) return undefined;
    if (types.length !== args.length) {
      return `event ${event} takes ${types.length} arguments, not ${args.length}`;
    }
    const wrong = types.findIndex((type, i) => type !== "any" && type !== args[i]!.type);
    if (wrong < 0) return undefined;
    return `argument ${wrong + 1} of event ${event} is a ${types[wrong]}, not a ${args[wrong]!.type}`;
  }

  /** The event of a module that was probably meant by a name without one: Zeek's pitfall of namespaces. */
  meantBy(event: string): string | undefined {
    return this.#byEvent.has(event) ? undefined : this.#qualified.get(event);
  }

  #declare(event: string, types: readonly ArgumentType[]): void {
    const known: readonly string[] = [...VALUE_TYPES, "any"];
    const unknown = types.find((type) => !known.includes(type));
    if (unknown !== undefined) {
      throw new FabricError("invalid_data", `${unknown} is no type of an argument: ${known.join(", ")}`);
    }
    const before = this.#types.get(event);
    if (before !== undefined && before.join() !== types.join()) {
      throw new FabricError(
        "type_clash",
        `event ${event} is declared with (${before.join(", ")}) and with (${types.join(", ")})`,
      );
    }
    this.#types.set(event, types);
  }
}
