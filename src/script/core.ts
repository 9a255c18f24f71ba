/** What all scripts of a node share: handlers, subscriptions, what is queued, scheduled and awaited. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { PoolEntry } from "../cluster/pool-spec.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { parsePrefix, parseTopic } from "../protocol/topic.ts";
import { ClusterView, type ClusterSetup } from "./cluster-view.ts";
import type { StateStore, StoredNode } from "./effects.ts";
import { Handlers } from "./handlers.ts";
import { Schedules } from "./schedules.ts";
import type { StateChanges } from "./script-state.ts";
import { Settings } from "./settings.ts";
import { Turn } from "./turn.ts";
import { Whens } from "./whens.ts";

export interface QueuedEvent {
  readonly event: FabricEvent;
  readonly isRemote: boolean;
}

export interface CoreOptions {
  /** "" outside a cluster. */
  readonly node: string;
  /** Of this life of the node. */
  readonly nodeId: string;
  readonly cluster: ClusterSetup;
  /** Whether `autoPublish` is refused, as by Zeek since 8.1. */
  readonly isAutoPublishRefused?: boolean;
}

export class ScriptCore {
  readonly cluster: ClusterView;
  readonly store: StateStore;
  readonly turn: Turn;
  readonly handlers = new Handlers();
  readonly schedules: Schedules;
  readonly whens: Whens;
  readonly stateChanges: StateChanges = new Map();
  readonly #subscriptions: Settings;
  readonly #autoPublishes: Settings;
  /** Topics by event, of what is published by itself; undefined after a change. */
  #topicsByEvent: ReadonlyMap<string, readonly string[]> | undefined;
  readonly #isAutoPublishRefused: boolean;
  readonly #registered: PoolEntry[] = [];
  #queue: QueuedEvent[] = [];
  /** Events raised in this turn, by script. */
  readonly #raised = new Map<string, number>();

  constructor(options: CoreOptions, store: StateStore, stored: StoredNode) {
    this.cluster = new ClusterView(options.node, options.nodeId, options.cluster);
    this.#isAutoPublishRefused = options.isAutoPublishRefused ?? false;
    this.store = store;
    this.turn = new Turn(options.node);
    this.schedules = new Schedules(stored.schedules);
    this.whens = new Whens(stored.awaited.reduce((last, { id }) => Math.max(last, id), 0));
    const of = (kind: string) =>
      stored.settings.filter((s) => s.kind === kind).map(({ name, isOn }) => [name, isOn] as const);
    this.#subscriptions = new Settings(of("subscribe"));
    this.#autoPublishes = new Settings(of("autoPublish"));
  }

  registerPool(pool: PoolEntry): void {
    this.#registered.push(pool);
  }

  /** All scripts are set up: pools are filled, and the node subscribes. Throws `invalid_layout`. */
  setUp(): void {
    if (this.#registered.length > 0) this.cluster.register(this.#registered);
    for (const prefix of this.cluster.prefixes) this.#subscriptions.setUp(prefix, true);
  }

  /** Prefixes in force, as text. */
  get prefixes(): readonly string[] {
    return this.#subscriptions.on;
  }

  /** Throws `invalid_topic_key`, `too_many`, and `script_error` where no script acts. */
  subscribe(text: string, isOn: boolean): void {
    const prefix = parsePrefix(text);
    const wasOn = this.#subscriptions.isOn(text);
    if (isOn && !wasOn && this.prefixes.length >= LIMITS.subscriptionsMax) {
      throw new FabricError("too_many", `a node has at most ${LIMITS.subscriptionsMax} subscriptions`);
    }
    if (this.turn.settingUp !== undefined) return this.#subscriptions.setUp(text, isOn);
    this.turn.acting(isOn ? "subscribe" : "unsubscribe");
    this.#change(this.#subscriptions, "subscribe", text, isOn);
    if (wasOn !== isOn) this.turn.add({ type: isOn ? "subscribe" : "unsubscribe", prefix });
  }

  /** Throws `invalid_topic_key`, and `script_error` where autoPublish is refused or no script acts. */
  autoPublish(topic: string, event: string, isOn: boolean): void {
    if (this.#isAutoPublishRefused) {
      throw new FabricError(
        "script_error",
        "autoPublish is no part of this generation: publish in a handler",
      );
    }
    parseTopic(topic);
    this.#topicsByEvent = undefined;
    const name = JSON.stringify([event, topic]);
    if (this.turn.settingUp !== undefined) return this.#autoPublishes.setUp(name, isOn);
    this.turn.acting(isOn ? "autoPublish" : "autoUnpublish");
    this.#change(this.#autoPublishes, "autoPublish", name, isOn);
  }

  /** Topics, as text, that a local dispatch of the event publishes to. */
  autoTopics(event: string): readonly string[] {
    this.#topicsByEvent ??= topicsByEvent(this.#autoPublishes.on);
    return this.#topicsByEvent.get(event) ?? [];
  }

  /** Throws `script_error` when the script has raised too many events in this turn: it would never end. */
  raise(script: string, event: FabricEvent): void {
    const raised = (this.#raised.get(script) ?? 0) + 1;
    if (raised > LIMITS.scriptRaisedMax) {
      throw new FabricError("script_error", `more than ${LIMITS.scriptRaisedMax} events raised in one turn`);
    }
    this.#raised.set(script, raised);
    this.#queue.push({ event, isRemote: false });
  }

  /** Queues an event that this node has sent to itself. */
  deliverToSelf(event: FabricEvent): void {
    this.#queue.push({ event, isRemote: true });
  }

  enqueue(events: readonly QueuedEvent[]): void {
    for (const event of events) this.#queue.push(event);
  }

  /** Takes what is queued. */
  takeQueue(): readonly QueuedEvent[] {
    const queue = this.#queue;
    this.#queue = [];
    return queue;
  }

  /** The end of a turn: what of the state it changed is to be stored. */
  endTurn(): void {
    this.#raised.clear();
    for (const [key, bytes] of this.stateChanges) {
      this.turn.persist(bytes === undefined ? { type: "erase", key } : { type: "put", key, bytes });
    }
    this.stateChanges.clear();
  }

  #change(settings: Settings, kind: "subscribe" | "autoPublish", name: string, isOn: boolean): void {
    this.turn.persist({ type: "setting", kind, name, isOn: settings.change(name, isOn) });
  }
}

function topicsByEvent(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const topics = new Map<string, string[]>();
  for (const name of names) {
    const [event, topic] = JSON.parse(name) as [string, string];
    topics.set(event, [...(topics.get(event) ?? []), topic]);
  }
  return topics;
}
