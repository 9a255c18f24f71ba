import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { PublishQueue } from "../../../src/protocol/publish-queue.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";

const linesOf = (segments: ReturnType<PublishQueue["take"]>) =>
  segments.flatMap((s) =>
    Buffer.from(s.payload)
      .toString()
      .split("\n")
      .map((line) => `${s.topic} ${line}`),
  );

describe("PublishQueue", () => {
  test("events of one topic in a row make one segment", () => {
    const queue = new PublishQueue();
    for (const [topic, text] of ["a 1", "a 2", "b 3", "a 4"].map((e) => e.split(" "))) {
      queue.push(parseTopic(topic!), text!);
    }
    const segments = queue.take();
    expect(segments.map((s) => [s.topic, s.count])).toEqual([
      ["a", 2],
      ["b", 1],
      ["a", 1],
    ]);
    expect(linesOf(segments)).toEqual(["a 1", "a 2", "b 3", "a 4"]);
    expect([queue.chars, queue.take()]).toEqual([0, []]);
  });

  test("keeps order and count over any frames, and what waits is counted exactly", () => {
    const event = fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 1, max: LIMITS.publishFrameBytes }));
    fc.assert(
      fc.property(fc.array(fc.array(event, { maxLength: 6 }), { maxLength: 4 }), (rounds) => {
        const queue = new PublishQueue();
        const pushed: string[] = [];
        const taken: string[] = [];
        let chars = 0;
        let number = 0;
        for (const round of rounds) {
          for (const [topic, length] of round) {
            const text = `${++number}`.padEnd(length, "x");
            queue.push(parseTopic(topic), text);
            pushed.push(`${topic} ${text}`);
            chars += text.length;
          }
          expect(queue.chars).toBe(chars);
          const lines = linesOf(queue.take());
          for (const line of lines) chars -= line.length - 2;
          taken.push(...lines);
        }
        while (queue.chars > 0) taken.push(...linesOf(queue.take()));
        expect(taken).toEqual(pushed);
      }),
      { numRuns: 50 },
    );
  });

  test("a frame takes at least one event, then up to its target size", () => {
    const queue = new PublishQueue();
    const size = LIMITS.publishFrameBytes / 4;
    for (let i = 0; i < 5; i++) queue.push(parseTopic("a"), "x".repeat(size));
    queue.push(parseTopic("a"), "y".repeat(LIMITS.publishFrameBytes * 2));
    expect([queue.take(), queue.take(), queue.take()].map((all) => all.map((s) => s.count))).toEqual([
      [4],
      [2],
      [],
    ]);
  });

  test("a frame takes as many segments as the bound", () => {
    const queue = new PublishQueue();
    for (let i = 0; i <= LIMITS.segmentsMax; i++) queue.push(parseTopic(i % 2 === 0 ? "a" : "b"), "1");
    expect(queue.take()).toHaveLength(LIMITS.segmentsMax);
    expect(queue.take()).toHaveLength(1);
  });

  test("characters beyond ASCII are whole", () => {
    const queue = new PublishQueue();
    queue.push(parseTopic("\u00e9"), "\u{1f600}");
    expect(Buffer.from(queue.take()[0]!.payload).toString()).toBe("\u{1f600}");
  });
});
