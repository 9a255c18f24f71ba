import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { PublisherMarks } from "../../../src/routing/publisher-marks.ts";

const nobody = () => false;
const max = LIMITS.publishersMax;

describe("PublisherMarks", () => {
  test("R5 takes each number of a publisher once, and none below it", () => {
    const marks = new PublisherMarks();
    expect([3, 3, 2, 4].map((seq) => marks.take("a", seq, nobody))).toEqual([true, false, false, true]);
    expect(marks.take("b", 1, nobody)).toBe(true);
  });

  test("R2 come back from what a checkpoint holds", () => {
    const marks = new PublisherMarks([["a", 3]]);
    expect(marks.take("a", 3, nobody)).toBe(false);
    marks.take("b", 9, nobody);
    expect(marks.entries()).toEqual([
      ["a", 3],
      ["b", 9],
    ]);
  });

  test("as many publishers as the bound are remembered; one more drops the oldest half", () => {
    const marks = new PublisherMarks();
    for (let i = 0; i < max; i++) marks.take(`p${i}`, 5, nobody);
    expect(marks.entries().length).toBe(max);
    expect(marks.take("p0", 5, nobody)).toBe(false);
    marks.take("one more", 1, nobody);
    expect(marks.entries().length).toBe(max / 2 + 1);
    expect(marks.take(`p${max - 1}`, 5, nobody)).toBe(false);
    expect(marks.take("p0", 5, nobody)).toBe(true);
  });

  test("those that are connected are dropped last", () => {
    const marks = new PublisherMarks();
    for (let i = 0; i < max; i++) marks.take(`p${i}`, 5, nobody);
    marks.take("one more", 1, (publisher) => publisher === "p0");
    expect(marks.take("p0", 5, nobody)).toBe(false);
    expect(marks.take("p1", 5, nobody)).toBe(true);
  });

  test("but are dropped when nobody else is left", () => {
    const marks = new PublisherMarks();
    for (let i = 0; i <= max; i++) marks.take(`p${i}`, 5, () => true);
    expect(marks.entries().length).toBe(max / 2 + 1);
  });
});
