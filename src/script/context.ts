/** The `zeek` of one script: what it may call, checked and turned into effects of the turn. */
import { FabricError } from "../base/errors.ts";
import type { NodeType } from "../cluster/node.ts";
import type { PoolEntry } from "../cluster/pool-spec.ts";
import { classTopic, nodeTopic, nodeidTopic } from "../cluster/topic-names.ts";
import { timestamp, type TimestampValue, type Value } from "../data/value.ts";
import { logPath } from "../cluster/log-topic.ts";
import { parseStreamName } from "../logs/stream-name.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { parseTopic, textOf } from "../protocol/topic.ts";
import { toValue, type Argument } from "../sdk/values.ts";
import type { ScriptCore } from "./core.ts";
import type { PoolTarget } from "./effects.ts";
import { ScriptState } from "./script-state.ts";
import { inMs } from "./schedules.ts";
import type { ArgumentType, HandlerOptions, MadeEvent, NodeInfo, Outcome, State, Zeek } from "./zeek.ts";

const NS_PER_MS = 1_000_000n;

export class ScriptContext implements Zeek {
  readonly #script: string;
  readonly #core: ScriptCore;
  readonly state: State;

  constructor(script: string, core: ScriptCore) {
    this.#script = script;
    this.#core = core;
    this.state = new ScriptState(script, core.store, core.stateChanges, core.turn);
  }

  get node(): string {
    return this.#core.cluster.node;
  }

  get nodes(): ReadonlyMap<string, NodeInfo> {
    return this.#core.cluster.nodes;
  }

  on(
    event: string,
    handler: (...args: never[]) => void,
    { priority = 0, types }: HandlerOptions & { readonly types?: readonly ArgumentType[] } = {},
  ): void {
    this.#settingUp("on");
    const run = handler as (...args: Value[]) => unknown;
    this.#core.handlers.add(event, { script: this.#script, priority, run }, types);
  }

  registerPool(pool: PoolEntry): string {
    this.#settingUp("registerPool");
    this.#core.registerPool(pool);
    return pool.name;
  }

  event(event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean {
    this.#core.turn.acting("event");
    const made = this.#made(event, args);
    if (made === undefined) return false;
    this.#core.raise(this.#script, made);
    return true;
  }

  makeEvent(name: string, ...args: readonly Argument[]): MadeEvent | undefined {
    return this.#made(name, args);
  }

  publish(topic: string, event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean {
    this.#core.turn.acting("publish");
    const made = this.#made(event, args);
    return made !== undefined && this.#publish(topic, made);
  }

  autoPublish(topic: string, event: string): boolean {
    return this.#accepts(() => this.#core.autoPublish(topic, event, true));
  }

  autoUnpublish(topic: string, event: string): boolean {
    return this.#accepts(() => this.#core.autoPublish(topic, event, false));
  }

  subscribe(prefix: string): boolean {
    return this.#accepts(() => this.#core.subscribe(prefix, true));
  }

  unsubscribe(prefix: string): boolean {
    return this.#accepts(() => this.#core.subscribe(prefix, false));
  }

  schedule(ms: number, event: string | MadeEvent | undefined, ...args: readonly Argument[]): boolean {
    const { turn, schedules } = this.#core;
    turn.acting("schedule");
    const made = this.#made(event, args);
    if (made === undefined) return false;
    return this.#accepts(() => {
      const scheduled = schedules.add(inMs(turn.nowMs, ms), made);
      turn.persist({ type: "scheduled", scheduled });
    });
  }

  when<T>(operation: () => Promise<T>, timeoutMs: number, callback: (outcome: Outcome<T>) => void): void {
    const { turn, whens } = this.#core;
    turn.acting("when");
    const id = whens.add(
      this.#script,
      turn.nowMs,
      timeoutMs,
      callback as (outcome: Outcome<unknown>) => void,
    );
    turn.persist({ type: "awaits", operation: { id, script: this.#script } });
    turn.add({ type: "when", id, operation });
  }

  log(stream: string, record: Readonly<Record<string, Argument>>): boolean {
    this.#core.turn.acting("log");
    return this.#accepts(() => this.#core.turn.log(parseStreamName(logPath(stream)), record));
  }

  clusterLog(message: string): void {
    this.#core.turn.acting("clusterLog");
    this.#core.turn.clusterLog(message);
  }

  hrwTopic(pool: string, key: Argument): string {
    return this.#isFilled ? textOf(this.#core.cluster.pools.hrwTopic(pool, toValue(key))) : "";
  }

  rrTopic(pool: string, key = ""): string {
    return this.#isFilled ? textOf(this.#core.cluster.pools.rrTopic(pool, key)) : "";
  }

  publishHrw(
    pool: string,
    key: Argument,
    event: string | MadeEvent | undefined,
    ...args: readonly Argument[]
  ): boolean {
    this.#core.turn.acting("publishHrw");
    const target = () => ({ pool, choice: "hrw", key: toValue(key) }) as const;
    return this.#toOne(pool, () => this.hrwTopic(pool, key), target, event, args);
  }

  publishRr(
    pool: string,
    key: string,
    event: string | MadeEvent | undefined,
    ...args: readonly Argument[]
  ): boolean {
    this.#core.turn.acting("publishRr");
    const target = (node: string) => ({ pool, choice: "node", node }) as const;
    return this.#toOne(pool, () => this.rrTopic(pool, key), target, event, args);
  }

  nodeTopic(name: string): string {
    return textOf(nodeTopic(this.#core.cluster.names, name));
  }

  nodeidTopic(id: string): string {
    return textOf(nodeidTopic(this.#core.cluster.names, id));
  }

  classTopic(type: NodeType): string {
    return textOf(classTopic(this.#core.cluster.names, type) ?? "");
  }

  isEnabled(): boolean {
    return this.#core.cluster.isEnabled;
  }

  localNodeType(): NodeType {
    return this.#core.cluster.nodeType;
  }

  nodeId(): string {
    return this.#core.cluster.nodeId;
  }

  workerCount(): number {
    return this.#core.cluster.activeCount("WORKER");
  }

  getNodeCount(type: NodeType): number {
    return this.#core.cluster.nodeCount(type);
  }

  getActiveNodeCount(type: NodeType): number {
    return this.#core.cluster.activeCount(type);
  }

  networkTime(): TimestampValue {
    return timestamp(BigInt(Math.round(this.#core.turn.nowMs)) * NS_PER_MS);
  }

  isRemoteEvent(): boolean {
    return this.#core.turn.running?.isRemote ?? false;
  }

  /** As in Zeek, pools are empty while scripts may still register some. */
  get #isFilled(): boolean {
    return this.#core.turn.settingUp === undefined;
  }

  /** To one node of a pool. One that chooses itself gets the event as if it had come from another. */
  #toOne(
    pool: string,
    choose: () => string,
    target: (node: string) => PoolTarget,
    event: string | MadeEvent | undefined,
    args: readonly Argument[],
  ): boolean {
    const made = this.#made(event, args);
    if (made === undefined) return false;
    let topic = "";
    if (!this.#accepts(() => void (topic = choose()))) return false;
    if (topic === "") {
      this.#core.turn.report("warning", `no node of pool ${pool} is alive for ${made.name}`);
      return false;
    }
    if (this.#core.cluster.isEnabled && topic === this.nodeTopic(this.node)) {
      this.#core.deliverToSelf(made);
      return true;
    }
    const node = this.#core.cluster.layoutNodeAt(pool, topic);
    return this.#publish(topic, made, node === undefined ? undefined : target(node));
  }

  #publish(topic: string, event: FabricEvent, pool?: PoolTarget): boolean {
    const target = pool === undefined ? {} : { pool };
    return this.#accepts(() =>
      this.#core.turn.add({ type: "publish", topic: parseTopic(topic), event, ...target }),
    );
  }

  #made(event: string | MadeEvent | undefined, args: readonly Argument[]): FabricEvent | undefined {
    let made: FabricEvent | undefined;
    this.#accepts(() => {
      if (event === undefined) throw new FabricError("invalid_data", "there is no event: it was refused");
      const isMade = typeof event !== "string";
      if (isMade && args.length > 0) {
        throw new FabricError("invalid_data", `event ${event.name} has its arguments already`);
      }
      const name = isMade ? event.name : event;
      const values = isMade ? event.args : args.map(toValue);
      const problem = this.#core.handlers.problem(name, values);
      if (problem !== undefined) throw new FabricError("type_clash", problem);
      made = { name, args: values, metadata: [] };
    });
    return made;
  }

  /** Zeek's functions answer what they refuse with F, and the reporter says why. */
  #accepts(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      if (!(error instanceof FabricError) || error.code === "script_error") throw error;
      this.#core.turn.report("warning", error.message);
      return false;
    }
  }

  #settingUp(what: string): void {
    if (this.#core.turn.settingUp === this.#script) return;
    throw new FabricError("script_error", `${what} can only be called while the script is set up`);
  }
}
