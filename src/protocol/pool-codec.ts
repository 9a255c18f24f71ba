/** The fields of frames about pools, as frame-codec.ts writes and reads them. */
import { blob, list, rowsOf, text, topicOf, uint, wrong } from "./frame-fields.ts";
import { POOL_CHOICE, POOL_FRAME, type PoolFrame, type PoolKey, type PoolViewRef } from "./pool-frame.ts";
import { toBytes } from "./topic.ts";

const REPEAT = 1;

/** The elements of a frame. */
export function poolFields(frame: PoolFrame): unknown[] {
  switch (frame.type) {
    case "publishPool": {
      const { id, repeat, pool, choice, key, count, payload } = frame;
      return [POOL_FRAME.publishPool, id, flags(repeat), pool, POOL_CHOICE[choice], key, count, payload];
    }
    case "poolEvents": {
      const { life, number, pools } = frame.view;
      const rows = frame.events.flatMap(({ id, topic, count, payload }) => [
        id,
        toBytes(topic),
        count,
        payload,
      ]);
      return [POOL_FRAME.poolEvents, flags(frame.repeat), [life, number, pools], rows];
    }
    case "handled":
      return [POOL_FRAME.handled, frame.done.flatMap(({ id, by }) => [id, by])];
    case "unhandled":
      return [POOL_FRAME.unhandled, frame.id, frame.code, frame.message];
  }
}

/** The frame of this type, or undefined when it is none about pools. Throws `invalid_message`. */
export function decodePool(type: number, a: readonly unknown[]): PoolFrame | undefined {
  switch (type) {
    case POOL_FRAME.publishPool:
      return {
        type: "publishPool",
        id: uint(a[1], "id"),
        repeat: isRepeat(a[2]),
        pool: text(a[3], "pool"),
        ...poolKey(a[4], a[5]),
        count: uint(a[6], "count"),
        payload: blob(a[7], "events"),
      };
    case POOL_FRAME.poolEvents:
      return {
        type: "poolEvents",
        repeat: isRepeat(a[1]),
        view: view(a[2]),
        events: rowsOf(a[3], 4, "events").map(([id, topic, count, payload]) => ({
          id: uint(id, "id"),
          topic: topicOf(topic),
          count: uint(count, "count"),
          payload: blob(payload, "events"),
        })),
      };
    case POOL_FRAME.handled:
      return {
        type: "handled",
        done: rowsOf(a[1], 2, "handled").map(([id, by]) => ({ id: uint(id, "id"), by: text(by, "node") })),
      };
    case POOL_FRAME.unhandled:
      return {
        type: "unhandled",
        id: uint(a[1], "id"),
        code: text(a[2], "code"),
        message: text(a[3], "message"),
      };
    default:
      return undefined;
  }
}

function flags(repeat: boolean): number {
  return repeat ? REPEAT : 0;
}

function isRepeat(v: unknown): boolean {
  return (uint(v, "flags") & REPEAT) !== 0;
}

function poolKey(choice: unknown, key: unknown): PoolKey {
  switch (uint(choice, "choice")) {
    case POOL_CHOICE.hrw:
      return { choice: "hrw", key: blob(key, "key") };
    case POOL_CHOICE.rr:
      return { choice: "rr", key: text(key, "key") };
    case POOL_CHOICE.node:
      return { choice: "node", key: text(key, "key") };
    default:
      return wrong("choice", "1 (hrw), 2 (rr) or 3 (node)", choice);
  }
}

function view(v: unknown): PoolViewRef {
  const a = list(v, "view");
  return { life: text(a[0], "life"), number: uint(a[1], "view number"), pools: uint(a[2], "pools") };
}
