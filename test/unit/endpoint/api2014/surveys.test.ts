/** Surveys, with the time passed in. */
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../../../src/base/limits.ts";
import { BroEvent } from "../../../../src/endpoint/api2014/bro-event.ts";
import { Surveys, type SurveyTerms } from "../../../../src/endpoint/api2014/surveys.ts";

const answer = (name: string) => new BroEvent(name, undefined, []);

function rig(num: number, timeoutMs = 100) {
  const surveys = new Surveys(".reply.me.");
  const callback = vi.fn<SurveyTerms["callback"]>();
  const terms: SurveyTerms = { topic: "t", num, timeoutMs, callback, cookie: "cookie" };
  return { surveys, callback, terms, replyTo: surveys.begin(terms, 1_000) };
}

describe("[C44] a survey", () => {
  test("ends with the last of its answers, the first one of each node, and gives topic, answers and cookie", () => {
    const { surveys, callback, replyTo } = rig(2);
    const [first, again, second] = ["first", "again", "second"].map(answer);
    surveys.answered(replyTo, "node-1", first!);
    surveys.answered(replyTo, "node-1", again!);
    expect(callback).not.toHaveBeenCalled();
    surveys.answered(replyTo, "node-2", second!);
    expect(callback.mock.calls).toEqual([["t", [first, second], "cookie"]]);
    expect(surveys.deadlineMs).toBeUndefined();
  });

  test("ends with its time, with what there is then", () => {
    const { surveys, callback, replyTo } = rig(2);
    const only = answer("only");
    surveys.answered(replyTo, "node-1", only);
    expect(surveys.deadlineMs).toBe(1_100);
    surveys.tick(1_099);
    expect(callback).not.toHaveBeenCalled();
    surveys.tick(1_100);
    expect(callback.mock.calls).toEqual([["t", [only], "cookie"]]);
  });

  test("drops and counts what comes late", () => {
    const { surveys, callback, replyTo } = rig(1);
    surveys.answered(replyTo, "node-1", answer("in time"));
    surveys.answered(replyTo, "node-2", answer("late"));
    expect(surveys.late).toBe(1);
    surveys.tick(2_000);
    expect(callback).toHaveBeenCalledOnce();
  });
});

test("[C45] with -1 it waits for the whole time", () => {
  const { surveys, callback, replyTo } = rig(-1);
  for (let n = 0; n < 100; n++) surveys.answered(replyTo, `node-${n}`, answer("a"));
  surveys.tick(1_099);
  expect(callback).not.toHaveBeenCalled();
  surveys.tick(1_100);
  expect(callback.mock.calls[0]![1]).toHaveLength(100);
});

test("[C46] a timeout that is not above 0 is refused, and a number of answers that is none", () => {
  const { surveys, terms } = rig(1);
  const refused = expect.objectContaining({ code: "invalid_data" }) as Error;
  for (const timeoutMs of [0, -1, NaN]) {
    expect(() => surveys.begin({ ...terms, timeoutMs }, 0)).toThrow(refused);
  }
  for (const num of [0, -2, 1.5]) expect(() => surveys.begin({ ...terms, num }, 0)).toThrow(refused);
});

test("surveysMax are under way at once, one more is refused", () => {
  const { surveys, terms } = rig(1);
  for (let n = 1; n < LIMITS.surveysMax; n++) surveys.begin(terms, 0);
  expect(() => surveys.begin(terms, 0)).toThrow(expect.objectContaining({ code: "too_many" }) as Error);
});
