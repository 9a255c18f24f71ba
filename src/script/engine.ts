/**
 * The engine of one node's scripts. Sans-I/O: what comes is gathered by `receive`, `raise`, `view` and `answered`; one
 * `turn` works on all of it, events that handlers raise included, and answers with effects in the order in which the
 * scripts did them. Stores nothing itself. Source: Zeek's event queue and cluster framework, spec/cluster.md §4, §5, §10.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { string } from "../data/value.ts";
import { LAYOUT_CHANGED } from "../membership/reports.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { ViewId } from "../protocol/member-frame.ts";
import { parsePrefix, parseTopic, type Prefix } from "../protocol/topic.ts";
import type { ClusterSetup, NodeLife, ViewChange } from "./cluster-view.ts";
import { ScriptContext } from "./context.ts";
import { ScriptCore, type CoreOptions, type QueuedEvent } from "./core.ts";
import type { Script } from "./define.ts";
import type { ScriptEffect, StateStore, StoredNode } from "./effects.ts";
import type { Outcome } from "./zeek.ts";

/** Zeek's names of what every node raises for itself. */
const INIT = "zeek_init";
const DONE = "zeek_done";
const NODE_UP = "Cluster::node_up";
const NODE_DOWN = "Cluster::node_down";

export interface EngineOptions extends CoreOptions {
  readonly scripts: readonly Script[];
}

interface Answer {
  readonly id: number;
  readonly outcome: Outcome<unknown>;
}

export class ScriptEngine {
  readonly #core: ScriptCore;
  #isBegun: boolean;
  #inbox: QueuedEvent[] = [];
  #answers: Answer[] = [];
  #isViewDue = false;
  #isLayoutDue = false;

  /**
   * Sets the scripts up. A script that throws while it is set up keeps what it had registered until then; that is
   * reported with the first turn. Throws `invalid_layout` for pools that cannot be set up, `invalid_data` for two
   * scripts of one name, `too_many`.
   */
  constructor(options: EngineOptions, store: StateStore, stored: StoredNode) {
    this.#core = new ScriptCore(options, store, stored);
    this.#isBegun = stored.isBegun;
    assertScripts(options.scripts);
    for (const script of options.scripts) this.#setUp(script);
    this.#core.setUp();
    for (const { id, script } of stored.awaited) {
      this.warn(`the node died while script ${script} waited for an operation: its callback does not come`);
      this.#core.turn.persist({ type: "awaited", id });
    }
  }

  /** Prefixes that the node subscribes to: after a start, all of them; changes are effects. */
  get prefixes(): readonly Prefix[] {
    return this.#core.prefixes.map(parsePrefix);
  }

  /** When `turn` is due even if nothing comes, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    const due = Math.min(this.#core.schedules.dueMs, this.#core.whens.dueMs);
    return due === Infinity ? undefined : due;
  }

  /** When a scheduled event is due, ms: an object that sleeps is to be woken then. */
  get scheduledMs(): number | undefined {
    const { dueMs } = this.#core.schedules;
    return dueMs === Infinity ? undefined : dueMs;
  }

  /** Whether operations are under way whose callbacks would be lost if the node went to sleep. */
  get isWaiting(): boolean {
    return this.#core.whens.dueMs !== Infinity;
  }

  /** Whether `turn` has something to do now. */
  get isPending(): boolean {
    return (
      this.#inbox.length > 0 ||
      this.#answers.length > 0 ||
      this.#isViewDue ||
      this.#isLayoutDue ||
      !this.#isBegun
    );
  }

  /**
   * An event of another node. That nodes came or went is only believed of a view, which raises these events here: so
   * each comes once, and nobody can take a node out of the pools by publishing.
   */
  receive(event: FabricEvent): void {
    if (event.name === NODE_UP || event.name === NODE_DOWN) this.#isViewDue = true;
    else if (event.name === LAYOUT_CHANGED) this.#isLayoutDue = true;
    else this.#inbox.push({ event, isRemote: true });
  }

  /** An event that happens on this node: for programs that watch something and let scripts decide about it. */
  raise(event: FabricEvent): void {
    this.#inbox.push({ event, isRemote: false });
  }

  /** A view of Membership, as who came and who went since the one before. */
  view(id: ViewId, change: ViewChange): void {
    const { down, up } = this.#core.cluster.take(id, change);
    for (const life of down) this.#local(NODE_DOWN, life);
    for (const life of up) this.#local(NODE_UP, life);
  }

  /** Something that its host has to report; it goes to the reporter's log with the next turn. */
  warn(message: string): void {
    this.#core.turn.report("warning", message);
  }

  /** Another layout. Throws `invalid_layout`, and keeps the old one. */
  layout(setup: ClusterSetup): void {
    this.#core.cluster.layout(setup);
  }

  /** The end of an operation that a `when` effect started. */
  answered(id: number, outcome: Outcome<unknown>): void {
    this.#answers.push({ id, outcome });
  }

  /** The node ends: `zeek_done` is raised in the next turn, which should be the last. */
  done(): void {
    this.raise({ name: DONE, args: [], metadata: [] });
  }

  /** Works on everything that has come and is due. The first turn of a life begins with `zeek_init`. */
  turn(nowMs: number): readonly ScriptEffect[] {
    const { turn, schedules, whens } = this.#core;
    turn.begin(nowMs);
    if (!this.#isBegun) {
      this.#isBegun = true;
      turn.persist({ type: "begun" });
      this.#core.enqueue([{ event: { name: INIT, args: [], metadata: [] }, isRemote: false }]);
    }
    for (const { id, event } of schedules.take(nowMs)) {
      turn.persist({ type: "unscheduled", id });
      this.#core.enqueue([{ event, isRemote: false }]);
    }
    const inbox = this.#inbox;
    this.#inbox = [];
    this.#core.enqueue(inbox);
    this.#answer();
    for (const { id, script, callback } of whens.takeOver(nowMs)) {
      turn.persist({ type: "awaited", id });
      const error = new FabricError("request_timeout", "the time of the operation is over");
      this.#callBack(script, () => callback({ ok: false, error }));
    }
    for (let queue = this.#core.takeQueue(); queue.length > 0; queue = this.#core.takeQueue()) {
      for (const queued of queue) this.#dispatch(queued);
    }
    this.#core.endTurn();
    if (this.#isViewDue) turn.add({ type: "viewDue" });
    if (this.#isLayoutDue) turn.add({ type: "layoutDue" });
    this.#isViewDue = false;
    this.#isLayoutDue = false;
    return turn.take();
  }

  #setUp(script: Script): void {
    const { turn } = this.#core;
    turn.settingUp = script.name;
    try {
      const result: unknown = script.setup(new ScriptContext(script.name, this.#core));
      if (result !== undefined) turn.report("error", "the function of a script returns nothing");
    } catch (error) {
      turn.report("error", `set up: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      turn.settingUp = undefined;
    }
  }

  #answer(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const { id, outcome } of answers) {
      const when = this.#core.whens.take(id);
      if (when === undefined) continue;
      this.#core.turn.persist({ type: "awaited", id });
      this.#callBack(when.script, () => when.callback(outcome));
    }
  }

  #callBack(script: string, code: () => unknown): void {
    this.#core.turn.run({ script, event: undefined, isRemote: false }, code);
  }

  #dispatch({ event, isRemote }: QueuedEvent): void {
    const { handlers, turn } = this.#core;
    const problem = handlers.problem(event.name, event.args);
    if (problem !== undefined) return turn.report("warning", problem);
    if (!isRemote) this.#raised(event);
    for (const { script, run } of handlers.of(event.name)) {
      turn.run({ script, event: event.name, isRemote }, () => run(...event.args));
    }
  }

  /** What only events of this node bring about. */
  #raised(event: FabricEvent): void {
    for (const topic of this.#core.autoTopics(event.name)) {
      this.#core.turn.add({ type: "publish", topic: parseTopic(topic), event });
    }
    const meant = this.#core.handlers.meantBy(event.name);
    if (meant !== undefined) {
      this.#core.turn.report("warning", `event ${event.name} has no handler here; ${meant} has one`);
    }
  }

  #local(name: string, life: NodeLife): void {
    this.raise(eventOf(name, life));
  }
}

function eventOf(name: string, { name: node, nodeId }: NodeLife): FabricEvent {
  return { name, args: [string(node), string(nodeId)], metadata: [] };
}

function assertScripts(scripts: readonly Script[]): void {
  if (scripts.length > LIMITS.scriptsMax) {
    throw new FabricError("too_many", `a node runs at most ${LIMITS.scriptsMax} scripts`);
  }
  const names = new Set(scripts.map(({ name }) => name));
  if (names.size < scripts.length) throw new FabricError("invalid_data", "two scripts have the same name");
}
