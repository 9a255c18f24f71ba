/** A node that speaks JSON v1: it is the one that its token names, from its ack to its close. Each connection is a life. */
import { LIMITS } from "../../../src/base/limits.ts";
import { connect, type End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import type { ClusterSession } from "./session-host.ts";
import type { ClusterSurroundings, NodeProcess } from "./surroundings.ts";
import type { NodeTruth } from "./view-audit.ts";

export class JsonNode extends Process implements NodeProcess {
  readonly nodeName: string;
  readonly #around: ClusterSurroundings;
  readonly #nodeType: string;
  #lives = 0;
  #session: ClusterSession | undefined;
  #end: End | undefined;
  #isAcked = false;
  #wellSinceMs = Infinity;
  #goneMs = 0;
  isWanted = true;

  constructor(around: ClusterSurroundings, name: string, nodeType: string) {
    super(around.world, name);
    this.nodeName = name;
    this.#around = around;
    this.#nodeType = nodeType;
  }

  get truth(): NodeTruth {
    // Its socket tells that it is gone, late at worst; if its session is gone too, its trunk does.
    const noticeMs = 2 * (this.#around.link.noticeMsMax ?? 0) + LIMITS.nodeSilenceMs;
    const wellSinceMs = this.isNode ? this.#wellSinceMs : Infinity;
    return { nodeId: this.#endpoint, wellSinceMs, goneMs: this.#goneMs, noticeMs };
  }

  get #endpoint(): string {
    return `${this.name}-life-${this.#lives}`;
  }

  get isNode(): boolean {
    return this.#isConnected && this.#session?.isNameless !== true;
  }

  get isSettled(): boolean {
    return this.isUp ? this.#isConnected : !this.isWanted;
  }

  get #isConnected(): boolean {
    return this.isUp && this.#isAcked && this.#end?.isAlive === true;
  }

  protected override boot(): void {
    this.#connect();
  }

  protected override crashed(): void {
    this.#gone();
    this.world.after(this.random.between(200, 12_000), () => this.isWanted && this.start());
  }

  leave(): void {
    if (!this.isUp) return;
    this.#end?.close();
    this.crash("leave");
  }

  override received(end: End, message: unknown): void {
    if (end !== this.#end || typeof message !== "string" || !message.startsWith('{"type":"ack"')) return;
    this.#isAcked = true;
    this.#wellSinceMs = this.world.nowMs;
  }

  override closed(end: End): void {
    if (end !== this.#end) return;
    this.#gone();
    this.after(this.random.between(50, 2_000), () => this.#connect());
  }

  #gone(): void {
    this.#end = undefined;
    this.#isAcked = false;
    this.#wellSinceMs = Infinity;
    this.#goneMs = this.world.nowMs;
  }

  #connect(): void {
    this.#lives++;
    this.#goneMs = Infinity;
    this.#around.lives(this);
    this.#session = this.#around.jsonSession(this.nodeName, this.#nodeType, this.#endpoint);
    this.#end = connect(this, this.#session, this.#around.link);
    this.#end?.send(JSON.stringify([`zeek/cluster/node/${this.nodeName}/`]));
  }
}
