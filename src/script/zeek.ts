/**
 * What a script is given: Zeek's functions in camelCase (spec: Zeek's cluster and Broker frameworks). Arguments of
 * handlers are values as `event.args` of the SDK has them; whatever is given back may be a value or a JavaScript value
 * that can mean only one (src/sdk/values.ts). Handlers are synchronous; what they do takes effect in one commit a turn.
 */
import type { NodeType } from "../cluster/node.ts";
import type { PoolEntry } from "../cluster/pool-spec.ts";
import type { TimestampValue, Value, ValueType } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { Argument } from "../sdk/values.ts";

/** What a handler may declare of an argument. */
export type ArgumentType = ValueType | "any";

/** The arguments of a handler that declares these types. */
type HandlerArguments<T extends readonly ArgumentType[]> = {
  -readonly [K in keyof T]: T[K] extends ValueType ? Extract<Value, { readonly type: T[K] }> : Value;
};

export interface HandlerOptions {
  /** Handlers of an event run from the highest priority to the lowest, then in the order they were made; 0 by default. */
  readonly priority?: number;
}

/** An event that was made, and may be published more than once. */
export type MadeEvent = Pick<FabricEvent, "name" | "args">;

/** A node as `zeek.nodes` has it: the entry of the layout, and `id` while it is connected. */
export interface NodeInfo {
  readonly nodeType: NodeType;
  readonly place: "edge" | "remote";
  readonly ip?: string;
  readonly port?: number;
  readonly manager?: string;
  readonly id?: string;
}

/** How an operation ended. The error is `request_timeout` when its time was over, else what it threw. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/**
 * Values under texts that outlive whatever happens to the node. What a handler writes is there for the next one, and
 * becomes durable with everything else that the turn did.
 */
export interface State {
  get(key: string): Value | undefined;
  has(key: string): boolean;
  /** Throws `too_large` past the bounds of key (`scriptStateKeyBytesMax`) and value (`scriptStateValueBytesMax`). */
  set(key: string, value: Argument): void;
  /** Whether there was something. */
  delete(key: string): boolean;
  /** Keys that begin with the prefix, and their values, in the order of keys. */
  entries(prefix?: string): readonly (readonly [key: string, value: Value])[];
}

export interface Zeek {
  /** Name of this node; "" outside a cluster. */
  readonly node: string;
  /** The layout by name, with ids of those that are connected. */
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  readonly state: State;

  /**
   * Adds a handler; only while the script is set up. With `types`, an event with other arguments is refused with a
   * warning, for all handlers of the event. Throws `type_clash` when another handler has declared other types.
   */
  on<const T extends readonly ArgumentType[]>(
    event: string,
    handler: (...args: HandlerArguments<T>) => void,
    options: HandlerOptions & { readonly types: T },
  ): void;
  on(event: string, handler: (...args: Value[]) => void, options?: HandlerOptions): void;
  /** Queues an event for the handlers of this node. False, with a warning, for arguments that are refused. */
  event(event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean;
  /** An event to publish, once or more; undefined, with a warning, for arguments that are refused. */
  makeEvent(name: string, ...args: readonly Argument[]): MadeEvent | undefined;
  /** Publishes. Handlers of this node do not run, subscribed or not. True: accepted; false: a warning says why not. */
  publish(topic: string, event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean;
  /** Whenever the event is raised on this node, its handlers run and it is published too. */
  autoPublish(topic: string, event: string): boolean;
  autoUnpublish(topic: string, event: string): boolean;
  subscribe(prefix: string): boolean;
  unsubscribe(prefix: string): boolean;
  /** Queues the event after a time, also when the node sleeps meanwhile. False, with a warning, when refused. */
  schedule(ms: number, event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean;
  /**
   * Starts an operation and calls back with its outcome, in a turn of its own: at the latest after `timeoutMs` (at most
   * `LIMITS.scriptWhenMsMax`). The node stays awake meanwhile; when it crashes, the callback is gone, and that is reported.
   */
  when<T>(operation: () => Promise<T>, timeoutMs: number, callback: (outcome: Outcome<T>) => void): void;
  /** Writes a record to a log stream: `scan`, or by Zeek's id `Scan::LOG`. Fields that are null are left out. False, with a warning, when refused. */
  log(stream: string, record: Readonly<Record<string, Argument>>): boolean;
  /** Writes to the cluster log, under the name of this node. */
  clusterLog(message: string): void;

  /** Registers a pool; only while the script is set up, and alike on all nodes. Returns its name. */
  registerPool(pool: PoolEntry): string;
  /** The topic of the node that has the key, "" when none is alive. */
  hrwTopic(pool: string, key: Argument): string;
  /** The topic of the node whose turn it is, "" when none is alive. */
  rrTopic(pool: string, key?: string): string;
  /** Publishes to the node that has the key; that may be this one. False when none is alive. */
  publishHrw(
    pool: string,
    key: Argument,
    event: string | MadeEvent | undefined,
    ...args: readonly Argument[]
  ): boolean;
  publishRr(
    pool: string,
    key: string,
    event: string | MadeEvent | undefined,
    ...args: readonly Argument[]
  ): boolean;
  nodeTopic(name: string): string;
  nodeidTopic(id: string): string;
  /** The topic of all nodes of a type: Zeek's `Cluster::worker_topic` and so on. "" where there is none. */
  classTopic(type: NodeType): string;

  /** Whether this node has a name. */
  isEnabled(): boolean;
  /** NONE when it has not, or the layout has no such node. */
  localNodeType(): NodeType;
  /** Of this life of the node. */
  nodeId(): string;
  /** Connected workers: Bro 2.6's `Cluster::worker_count`. */
  workerCount(): number;
  getNodeCount(type: NodeType): number;
  /** Connected nodes of a type, this one not counted. */
  getActiveNodeCount(type: NodeType): number;
  /** The time of the turn: the same for all of it. */
  networkTime(): TimestampValue;
  /** Whether the event being handled came from another node. */
  isRemoteEvent(): boolean;
}
