/**
 * A session whose peer may be a node: that of the world of events, with its end of the trunk to Membership, driven as
 * src/worker/membership-link.ts drives it.
 */
import type { Layout } from "../../../src/cluster/layout.ts";
import { HEARTBEAT } from "../../../src/membership/heartbeat.ts";
import { MemberEnd, type MemberEffect } from "../../../src/membership/member-end.ts";
import type { Liveness } from "../../../src/membership/membership-state.ts";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import type { Frame, InstanceId } from "../../../src/protocol/frame.ts";
import type { JsonSession } from "../../../src/protocol/json-session.ts";
import { NativeSession } from "../../../src/protocol/native-session.ts";
import { admitNode } from "../../../src/worker/membership-admit.ts";
import type { RouterHost } from "../fabric/router-host.ts";
import { SessionHost, type MemberRequest } from "../fabric/session-host.ts";
import { connect, type End, type LinkOptions } from "../kit/link.ts";
import type { Timer, World } from "../kit/world.ts";
import type { Isolate } from "./isolate.ts";
import type { MembershipHost, TrunkClose } from "./membership-host.ts";

const CRASH = 0.0003;
/** Tag of its trunks to Membership; those to routers have the router's name. */
const MEMBERSHIP = Symbol("membership");

export interface SessionPlace {
  readonly world: World;
  readonly name: string;
  readonly link: LinkOptions;
  readonly routers: ReadonlyMap<string, RouterHost>;
  readonly membership: MembershipHost;
  readonly isolate: Isolate;
  /** As the isolate had it when the session began. */
  readonly layout: Layout;
  readonly nodeId: (instance: InstanceId) => string;
}

export class ClusterSession extends SessionHost {
  readonly #place: SessionPlace;
  readonly #liveness: Liveness;
  #member: MemberEnd | undefined;
  #trunk: End | undefined;
  #memberTimer: Timer | undefined;
  #memberTimerMs = Infinity;
  /** Whether another life has the name of its peer, which lives on without one (M-3). */
  isNameless = false;
  /** Whether it is told of every view, for its peer or for itself. */
  isWatching = false;

  constructor(place: SessionPlace, session: JsonSession | NativeSession) {
    super(place.world, place.name, place.link, place.routers, session);
    this.#place = place;
    this.#liveness = session instanceof NativeSession ? "heartbeat" : "close";
    place.isolate.add(this);
  }

  viewChanged(): void {
    this.session.viewChanged(this.nowMs);
    this.inputTaken();
  }

  protected override member(request: MemberRequest): void {
    const { instance, connection } = request;
    const { layout, isolate, nodeId } = this.#place;
    this.#member ??= new MemberEnd({
      instance,
      connection,
      nodeId: nodeId(instance),
      liveness: this.#liveness,
      admit: (name, nodeType) => admitNode(FULL_GRANT, layout.nodes, name, nodeType),
      views: isolate.views,
    });
    if (request.type === "needView") this.#member.needView();
    else if (request.frame.type === "join") this.#member.join(request.frame, this.nowMs);
    else this.#member.watch(request.frame);
    this.isWatching ||= request.type === "needView" || request.frame.type === "watch";
    this.#performMember();
  }

  override received(end: End, message: unknown): void {
    if (end.tag === MEMBERSHIP) return this.#told(end, message);
    super.received(end, message);
    if (!this.isUp || !this.isPeer(end) || this.#liveness === "close") return;
    this.#member?.heard(this.nowMs);
    this.#performMember();
  }

  override closed(end: End): void {
    if (end.tag === MEMBERSHIP) return this.#lost(end);
    if (this.isPeer(end)) {
      this.isWatching = false;
      this.#member?.peerGone();
      this.#performMember();
    }
    if (this.isUp) super.closed(end);
  }

  #told(end: End, message: unknown): void {
    if (end !== this.#trunk) return;
    if (message === HEARTBEAT.answer) this.#member!.beatAnswered();
    else this.#member!.received(message as Uint8Array, this.nowMs);
    this.#performMember();
    if (!this.isUp) return;
    this.#place.isolate.viewed();
    if (this.isWatching) this.viewChanged();
  }

  #lost(end: End | undefined): void {
    if (end !== this.#trunk) return;
    this.#trunk = undefined;
    this.#member!.lost(this.nowMs);
    this.#performMember();
  }

  #performMember(): void {
    const effects = this.#member?.drain() ?? [];
    this.effects(
      CRASH,
      effects.map((effect) => () => this.#carryOut(effect)),
    );
    if (this.isUp) this.#armMember();
  }

  #carryOut(effect: MemberEffect): void {
    switch (effect.type) {
      case "open":
        this.after(this.random.between(0, 30), () => this.#openTrunk());
        return;
      case "send":
        return this.#trunk?.send(effect.bytes);
      case "beat":
        return this.#trunk?.send(HEARTBEAT.ask);
      case "close": {
        const last: TrunkClose = { type: "close", code: effect.isOver ? 1000 : 3000 };
        this.#trunk?.send(last);
        this.#trunk?.close();
        this.#trunk = undefined;
        return;
      }
      case "reply":
        return this.#reply(effect.frame);
    }
  }

  /** JSON v1 has no frame for it. */
  #reply(frame: Frame): void {
    this.isNameless ||= frame.type === "error" && frame.code === "duplicate_node";
    if (!(this.session instanceof NativeSession)) return;
    this.session.answered(frame);
    this.inputTaken();
  }

  #openTrunk(): void {
    const end = connect(this, this.#place.membership, this.link);
    if (end === undefined) return this.#lost(undefined);
    end.tag = MEMBERSHIP;
    this.#trunk = end;
    this.#member!.opened(this.nowMs);
    this.#performMember();
  }

  #armMember(): void {
    const deadlineMs = this.#member?.deadlineMs ?? Infinity;
    if (deadlineMs === this.#memberTimerMs) return;
    this.#memberTimer?.cancel();
    this.#memberTimerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#memberTimer = this.timer(deadlineMs, () => {
      this.#memberTimerMs = Infinity;
      this.#member!.tick(this.nowMs);
      this.#performMember();
    });
  }
}
