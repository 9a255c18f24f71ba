/**
 * What a native peer publishes, on its way to routers: checked, queued for each of them, joined into frames that grow
 * with load, and acknowledged when every router of it has it (rules 5 and 10; PROTOCOL.md, N-6, N-7, T-4).
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { segmentsBytes, type FrameOf, type Segment } from "./frame.ts";
import { mayPublish, type Grant } from "./grant.ts";
import { joinSegments } from "./join-segments.ts";
import { OutstandingPublishes, type Acknowledged } from "./outstanding.ts";
import { assertSegment } from "./segment-check.ts";
import { isOriginPublisherId } from "./publisher-id.ts";
import type { TopicPlacement } from "./topic-placement.ts";
import { textOf, type Topic } from "./topic.ts";

interface TopicEntry {
  readonly router: string;
  readonly isGranted: boolean;
}

interface Queued {
  readonly frame: FrameOf<"publish">;
  readonly size: number;
}

/** The trunks as publishes need them. */
export interface PublishPort {
  hasWindow(router: string): boolean;
  publish(router: string, frame: FrameOf<"publish">): void;
}

export class PeerPublishes {
  readonly #grant: Grant;
  readonly #placement: TopicPlacement;
  readonly #topics = new Map<Topic, TopicEntry>();
  readonly #queues = new Map<string, Queued[]>();
  #queuedBytes = 0;
  readonly #outstanding = new OutstandingPublishes();
  #acknowledged = 0;

  constructor(grant: Grant, placement: TopicPlacement) {
    this.#grant = grant;
    this.#placement = placement;
  }

  /** What waits for room in the windows of routers, bytes. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether no router has to acknowledge anything. */
  get isSettled(): boolean {
    return this.#outstanding.size === 0;
  }

  /** Whether the peer has sent more than a session may hold for the routers. */
  get isOver(): boolean {
    return (
      this.#queuedBytes > LIMITS.inboundQueueBytesMax ||
      this.#outstanding.size > LIMITS.unacknowledgedPublishesMax
    );
  }

  /** The number up to which all is acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /**
   * Takes a publish; false when it was acknowledged before. Throws FabricError when it is refused: then nothing of it
   * goes anywhere.
   */
  take(frame: FrameOf<"publish">, bytes: number): boolean {
    // What was joined is for sessions to say.
    const { first: _, ...own } = frame;
    const { seq, segments, receipt = false } = own;
    if (seq <= this.#acknowledged) return false;
    if (frame.origin !== undefined && !this.#grant.peer) {
      throw new FabricError("forbidden", "no permission to carry on what others published");
    }
    if (frame.origin !== undefined && !isOriginPublisherId(frame.origin.publisher)) {
      throw new FabricError("forbidden", "the origin names a publisher of this fabric");
    }
    const byRouter = this.#checked(segments, bytes);
    this.#outstanding.add(seq, byRouter.keys(), receipt);
    for (const [router, part] of byRouter) {
      const size = segmentsBytes(part);
      const queue = this.#queues.get(router);
      const queued = { frame: { ...own, segments: part }, size };
      if (queue === undefined) this.#queues.set(router, [queued]);
      else queue.push(queued);
      this.#queuedBytes += size;
    }
    return true;
  }

  /** A publish was refused: what comes after it does not wait for it. */
  refused(seq: number): void {
    if (seq > this.#acknowledged) this.#outstanding.add(seq, []);
  }

  /** Sends what the windows have room for. */
  flush(port: PublishPort): void {
    for (const [router, queue] of this.#queues) {
      let count = 0;
      while (count < queue.length && port.hasWindow(router)) {
        const end = runEnd(queue, count);
        for (let i = count; i < end; i++) this.#queuedBytes -= queue[i]!.size;
        port.publish(router, joinRun(queue, count, end));
        count = end;
      }
      if (count > 0) queue.splice(0, count);
    }
  }

  /** A router has taken everything up to the number. */
  published(router: string, seq: number, receivers?: number): void {
    this.#outstanding.acknowledge(router, seq, receivers);
  }

  /** What the peer is to be told now, in order. */
  takeDone(): readonly Acknowledged[] {
    const done = this.#outstanding.takeDone();
    const last = done.at(-1);
    if (last !== undefined) this.#acknowledged = last.seq;
    return done;
  }

  #checked(segments: readonly Segment[], bytes: number): ReadonlyMap<string, Segment[]> {
    if (bytes > LIMITS.publishFrameBytesMax) {
      throw new FabricError(
        "too_large",
        `publish frame has ${bytes} bytes, at most ${LIMITS.publishFrameBytesMax} are allowed`,
      );
    }
    const byRouter = new Map<string, Segment[]>();
    for (const segment of segments) {
      const { router, isGranted } = this.#entry(segment.topic);
      if (!isGranted) {
        throw new FabricError("forbidden", `no permission to publish to '${textOf(segment.topic)}'`);
      }
      assertSegment(segment);
      const part = byRouter.get(router);
      if (part === undefined) byRouter.set(router, [segment]);
      else part.push(segment);
    }
    return byRouter;
  }

  #entry(topic: Topic): TopicEntry {
    let entry = this.#topics.get(topic);
    if (entry === undefined) {
      entry = { router: this.#placement.owner(topic), isGranted: mayPublish(this.#grant, topic) };
      if (this.#topics.size >= LIMITS.matchCacheTopicsMax) this.#topics.clear();
      this.#topics.set(topic, entry);
    }
    return entry;
  }
}

/**
 * Where the run ends that goes into one frame. A repeat goes alone: the router may have taken it, and what was joined
 * with it then would be taken for a repeat too, or the repeat for new. So does one whose receivers are to be counted, or
 * that keeps the name of another publisher.
 */
function runEnd(queue: readonly Queued[], start: number): number {
  const first = queue[start]!;
  if (isAlone(first)) return start + 1;
  let { size } = first;
  let segments = first.frame.segments.length;
  let end = start + 1;
  for (; end < queue.length; end++) {
    const next = queue[end]!;
    size += next.size;
    segments += next.frame.segments.length;
    if (isAlone(next) || size > LIMITS.publishFrameBytes || segments > LIMITS.segmentsMax) break;
  }
  return end;
}

function isAlone({ frame }: Queued): boolean {
  return frame.repeat || frame.receipt === true || frame.origin !== undefined;
}

/** One frame with the number of its last publish: whoever has that has all before it. */
function joinRun(queue: readonly Queued[], start: number, end: number): FrameOf<"publish"> {
  if (end === start + 1) return queue[start]!.frame;
  const run = queue.slice(start, end);
  const segments = joinSegments(run.flatMap(({ frame }) => frame.segments));
  return { ...run.at(-1)!.frame, first: run[0]!.frame.seq, segments };
}
