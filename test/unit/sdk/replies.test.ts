import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { PublishWaiters } from "../../../src/sdk/publish-waiters.ts";
import { ReceivedEvent } from "../../../src/sdk/received-event.ts";
import { Replies } from "../../../src/sdk/replies.ts";
import { replyTopicOf } from "../../../src/sdk/reply-topic.ts";
import { formatDataMessage } from "../../../src/protocol/data-message.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Replies under "reply/", and where the last request wants its own. */
function rig(receivers?: number) {
  let onReply: (event: ReceivedEvent) => void = () => {};
  let listens = 0;
  let topic = "";
  const replies = new Replies("reply/", (prefix, handler) => {
    expect(prefix).toBe("reply/");
    listens++;
    onReply = handler;
    return Promise.resolve();
  });
  const send = vi.fn((metadata: { id: bigint; value: never }) => {
    topic = replyTopicOf([metadata])!;
    return Promise.resolve({ means: "sequenced" as const, receivers });
  });
  const answer = (name: string, publisher = "", to = topic) =>
    onReply(ReceivedEvent.ofText(to, formatDataMessage(to, { name, args: [], metadata: [] }), publisher));
  return { replies, send: send as never, sent: send, answer, topic: () => topic, listens: () => listens };
}

describe("a request", () => {
  test("is given the first reply to its own topic; one subscription serves all requests", async () => {
    const { replies, send, answer, topic, listens } = rig();
    const first = replies.request(send, {});
    await vi.advanceTimersByTimeAsync(0);
    const firstTopic = topic();
    const second = replies.request(send, {});
    await vi.advanceTimersByTimeAsync(0);
    expect(topic()).not.toBe(firstTopic);
    answer("Second");
    answer("First", "", firstTopic);
    answer("Late", "", firstTopic);
    expect((await first).name).toBe("First");
    expect((await second).name).toBe("Second");
    expect(listens()).toBe(1);
  });

  test("ends with request_timeout at its time and not before", async () => {
    for (const timeoutMs of [undefined, 50]) {
      const { replies, send } = rig();
      const outcome = vi.fn();
      void replies.request(send, { timeoutMs }).catch(outcome);
      await vi.advanceTimersByTimeAsync((timeoutMs ?? LIMITS.requestMs) - 1);
      expect(outcome).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      expect(outcome).toHaveBeenCalledWith(expect.objectContaining({ code: "request_timeout" }));
    }
  });

  test("ends with no_receiver when the fabric says that nobody is there", async () => {
    const { replies, send } = rig(0);
    await expect(replies.request(send, {})).rejects.toMatchObject({ code: "no_receiver" });
  });

  test("ends with the refusal of its publish, and with the signal's reason", async () => {
    const { replies, sent, send } = rig();
    sent.mockRejectedValueOnce(new FabricError("forbidden", "no"));
    await expect(replies.request(send, {})).rejects.toMatchObject({ code: "forbidden" });
    const controller = new AbortController();
    const waiting = replies.request(send, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(0);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(replies.request(send, { signal: controller.signal })).rejects.toThrow("enough");
  });

  test("ends with the client", async () => {
    const { replies, send } = rig();
    const waiting = replies.request(send, {});
    await vi.advanceTimersByTimeAsync(0);
    replies.end(new FabricError("shutting_down", "closed"));
    await expect(waiting).rejects.toMatchObject({ code: "shutting_down" });
    await expect(replies.request(send, {})).rejects.toMatchObject({ code: "shutting_down" });
  });
});

describe("a survey", () => {
  test("gives each client's first reply until its time is over", async () => {
    const { replies, send, answer } = rig();
    const names: string[] = [];
    const done = (async () => {
      for await (const reply of replies.survey(send, { timeoutMs: 100 })) names.push(reply.name);
    })();
    await vi.advanceTimersByTimeAsync(0);
    answer("A1", "a".repeat(16));
    answer("B1", "b".repeat(16));
    answer("A2", "a".repeat(16));
    answer("unnamed");
    answer("unnamed");
    await vi.advanceTimersByTimeAsync(100);
    await done;
    expect(names).toEqual(["A1", "B1", "unnamed", "unnamed"]);
  });

  test("ends with enough replies", async () => {
    const { replies, send, answer } = rig();
    const survey = replies.survey(send, { replies: 2 });
    const first = survey.next();
    await vi.advanceTimersByTimeAsync(0);
    for (const name of ["A", "B", "C"]) answer(name);
    expect((await first).value?.name).toBe("A");
    expect((await survey.next()).value?.name).toBe("B");
    expect((await survey.next()).done).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("who waits for publishes", () => {
  const refusal = new FabricError("forbidden", "no");

  test("is told the end of the very event", async () => {
    const waiters = new PublishWaiters();
    const [first, second, third] = [waiters.ack(1), waiters.ack(2), waiters.ack(3)];
    waiters.published({ after: 1, last: 2 }, { means: "sequenced", receivers: 5 });
    expect(await second).toEqual({ means: "sequenced", receivers: 5 });
    waiters.refused({ after: 0, last: 1 }, refusal);
    await expect(first).rejects.toBe(refusal);
    waiters.end(new FabricError("shutting_down", "closed"));
    await expect(third).rejects.toMatchObject({ code: "shutting_down" });
  });

  test("a flush waits for all before it, and rejects for a refusal that nobody else was told, once", async () => {
    const waiters = new PublishWaiters();
    const outcome = vi.fn();
    const flush = waiters.flush(4, 0).catch(outcome);
    waiters.refused({ after: 1, last: 3 }, refusal);
    waiters.settled(3);
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).not.toHaveBeenCalled();
    waiters.settled(4);
    await flush;
    expect(outcome).toHaveBeenCalledWith(refusal);
    await waiters.flush(4, 4);
    const told = waiters.ack(5);
    waiters.refused({ after: 4, last: 5 }, refusal);
    await expect(told).rejects.toBe(refusal);
    await waiters.flush(5, 5);
    waiters.refused(undefined, refusal);
    await expect(waiters.flush(5, 5)).rejects.toBe(refusal);
  });
});
