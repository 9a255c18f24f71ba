import { describe, expect, test } from "vitest";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { CreditLedger, type Delivery } from "../../../src/sdk/credit-ledger.ts";
import { EventRun } from "../../../src/sdk/event-run.ts";
import { StreamSubscriber } from "../../../src/sdk/event-stream.ts";
import { HandlerSubscriber } from "../../../src/sdk/handler-subscriber.ts";
import { Subscribers, type Subscriber } from "../../../src/sdk/subscribers.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { ENCODING } from "../../../src/protocol/frame.ts";

const topic = parseTopic("zeek/x");
const interest = { prefixes: [parsePrefix("zeek/")], isLocal: false, history: undefined };

const run = (...names: string[]): EventRun => {
  const payload = encodeEvents(names.map((name) => ({ name, args: [], metadata: [] })));
  return EventRun.ofSegment({ topic, encoding: ENCODING.cbor, count: names.length, payload }, "");
};

/** A stream, and the deliveries that it has released. */
function rig(signal?: AbortSignal) {
  const ledger = new CreditLedger(1_000);
  const ready = Promise.withResolvers<void>();
  const released: Delivery[] = [];
  const unsubscribed: Subscriber[] = [];
  const stream = new StreamSubscriber({
    interest,
    signal,
    ready: ready.promise,
    release: (delivery) => {
      if (delivery.release()) released.push(delivery);
    },
    unsubscribe: (subscriber) => {
      unsubscribed.push(subscriber);
      return Promise.resolve();
    },
  });
  /** Gives the stream a run in a delivery of its own, as the client does. */
  const give = (...names: string[]): Delivery => {
    const delivery = ledger.arrived({ router: "main", incarnation: 1, seq: 1 }, 10);
    stream.take(run(...names), delivery);
    if (delivery.release()) released.push(delivery);
    return delivery;
  };
  const next = async () => {
    const result = await stream.next();
    return result.done === true ? "done" : result.value.name;
  };
  return { stream, give, next, ready, released, unsubscribed };
}

describe("a stream", () => {
  test("gives events in order, those that wait and those that come while it is asked", async () => {
    const { give, next } = rig();
    give("a", "b");
    expect([await next(), await next()]).toEqual(["a", "b"]);
    const later = [next(), next(), next()];
    give("c");
    give("d", "e");
    expect(await Promise.all(later)).toEqual(["c", "d", "e"]);
  });

  test("consumes a delivery when something behind its last event is asked for", async () => {
    const { give, next, released } = rig();
    const first = give("a", "b");
    const second = give("c");
    await next();
    await next();
    expect(released).toEqual([]);
    await next();
    expect(released).toEqual([first]);
    void next();
    expect(released).toEqual([first, second]);
  });

  test("holds what nobody asks for", () => {
    const { give, released } = rig();
    const all = ["a", "b", "c"].map((name) => give(name));
    expect(released).toEqual([]);
    expect(all.every((delivery) => !delivery.isTaken)).toBe(true);
  });

  test("a break unsubscribes and releases what waits", async () => {
    const { stream, give, released, unsubscribed } = rig();
    give("a");
    give("b");
    for await (const event of stream) {
      expect(event.name).toBe("a");
      break;
    }
    expect(unsubscribed).toEqual([stream]);
    expect(released).toHaveLength(2);
    give("c");
    expect(released).toHaveLength(3);
    expect(await stream.next()).toEqual({ value: undefined, done: true });
  });

  test("ends after what waits when the client is closed, and throws after it when the client failed", async () => {
    for (const error of [undefined, new Error("failed")]) {
      const { stream, give, next } = rig();
      give("a");
      stream.end(error);
      expect(await next()).toBe("a");
      if (error === undefined) expect(await next()).toBe("done");
      else await expect(next()).rejects.toBe(error);
    }
  });

  test("whoever waits is told the end", async () => {
    const { stream, next } = rig();
    const waiting = [next(), next()];
    stream.end(undefined);
    expect(await Promise.all(waiting)).toEqual(["done", "done"]);
  });

  test("an aborted signal ends it at once, with its reason", async () => {
    const controller = new AbortController();
    const { give, next, released, unsubscribed } = rig(controller.signal);
    give("a");
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(next()).rejects.toBe(reason);
    expect(released).toHaveLength(1);
    expect(unsubscribed).toHaveLength(1);
  });

  test("a refused subscription is thrown by the iteration", async () => {
    const { next, ready } = rig();
    const refusal = new Error("forbidden");
    const waiting = next();
    ready.reject(refusal);
    await expect(waiting).rejects.toBe(refusal);
  });
});

describe("a handler", () => {
  const ledger = new CreditLedger(1_000);
  const delivery = () => ledger.arrived({ router: "main", incarnation: 1, seq: 1 }, 10);
  const take = (handler: (name: string) => unknown, names: string[]) => {
    const one = delivery();
    const subscriber = new HandlerSubscriber(
      interest,
      (event) => handler(event.name),
      (d) => d.release(),
    );
    subscriber.take(run(...names), one);
    one.release();
    return { one, subscriber };
  };

  test("has consumed a delivery when it returns", () => {
    const seen: string[] = [];
    const { one } = take((name) => seen.push(name), ["a", "b"]);
    expect(seen).toEqual(["a", "b"]);
    expect(one.isTaken).toBe(true);
  });

  test("that is asynchronous has consumed it when its promises are settled", async () => {
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const { one } = take((name) => (name === "a" ? first.promise : second.promise), ["a", "b"]);
    second.resolve();
    await second.promise;
    expect(one.isTaken).toBe(false);
    first.resolve();
    await first.promise;
    expect(one.isTaken).toBe(true);
  });

  test("gets nothing more once it has ended, not even of the same run", () => {
    const seen: string[] = [];
    const subscriber: HandlerSubscriber = new HandlerSubscriber(
      interest,
      (event) => {
        seen.push(event.name);
        subscriber.end();
      },
      (d) => d.release(),
    );
    subscriber.take(run("a", "b"), delivery());
    expect(seen).toEqual(["a"]);
  });
});

describe("subscribers", () => {
  const subscriber = (texts: string[], isLocal = false) => {
    const taken: EventRun[] = [];
    const one: Subscriber = {
      interest: { prefixes: texts.map(parsePrefix), isLocal, history: undefined },
      take: (given) => taken.push(given),
      end: () => {},
    };
    return { one, taken };
  };
  const dispatch = (subscribers: Subscribers, given: EventRun) =>
    subscribers.dispatch(given, new CreditLedger(1).arrived({ router: "", incarnation: 1, seq: 1 }, 1));

  test("get a run once, however many of their prefixes match, and only while they are there", () => {
    const subscribers = new Subscribers();
    const twice = subscriber(["", "zeek/"]);
    const other = subscriber(["other/"]);
    subscribers.add(twice.one);
    subscribers.add(other.one);
    dispatch(subscribers, run("a"));
    expect([twice.taken.length, other.taken.length]).toEqual([1, 0]);
    subscribers.delete(twice.one);
    dispatch(subscribers, run("b"));
    expect(twice.taken.length).toBe(1);
  });

  test("get their own client's events only when they are local", () => {
    const subscribers = new Subscribers();
    const [local, plain] = [subscriber([""], true), subscriber([""])];
    subscribers.add(local.one);
    subscribers.add(plain.one);
    const payload = encodeEvents([{ name: "own", args: [], metadata: [] }]);
    dispatch(
      subscribers,
      EventRun.ofSegment({ topic, encoding: ENCODING.cbor, count: 1, payload }, "i".repeat(16), {
        isOwn: true,
      }),
    );
    expect([local.taken.length, plain.taken.length]).toEqual([1, 0]);
  });

  test("get history only when they asked for it, and then their own client's too", () => {
    const subscribers = new Subscribers();
    const [asked, plain] = [subscriber([""]), subscriber([""])];
    subscribers.add({ ...asked.one, interest: { ...asked.one.interest, history: { last: 1 } } });
    subscribers.add(plain.one);
    const payload = encodeEvents([{ name: "old", args: [], metadata: [] }]);
    const old = EventRun.ofSegment({ topic, encoding: ENCODING.cbor, count: 1, payload }, "", {
      isHistory: true,
    });
    dispatch(subscribers, old);
    expect([asked.taken.length, plain.taken.length]).toEqual([1, 0]);
  });
});

test("a run that holds another number of events than it says is refused when it is read", () => {
  const payload = encodeEvents([{ name: "a", args: [], metadata: [] }]);
  for (const encoding of [ENCODING.cbor, ENCODING.json]) {
    const wrong = EventRun.ofSegment({ topic, encoding, count: 2, payload }, "");
    expect(() => wrong.events).toThrow(expect.objectContaining({ code: "deserialization_failed" }));
  }
});
