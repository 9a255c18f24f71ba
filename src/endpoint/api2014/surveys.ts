/**
 * Surveys: a question to all who subscribe to a topic, and the first answer of each of them, until there are enough or
 * the time is over. Answers come on a topic of the survey's own. Pure: the time is an argument.
 */
import { FabricError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { BroEvent } from "./bro-event.ts";

/** Called once, with the topic of the question and all answers. */
export type SurveyCallback = (topic: string, answers: readonly BroEvent[], cookie: unknown) => void;

export interface SurveyTerms {
  readonly topic: string;
  /** So many answers end it; -1 for all that come in time. */
  readonly num: number;
  readonly timeoutMs: number;
  readonly callback: SurveyCallback;
  readonly cookie: unknown;
}

interface Survey extends SurveyTerms {
  readonly endsAtMs: number;
  readonly answers: Map<string, BroEvent>;
}

export class Surveys {
  readonly #prefix: string;
  readonly #open = new Map<string, Survey>();
  #last = 0;
  /** Answers to surveys that had ended. */
  late = 0;

  /** @param prefix Of the topics of answers. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** When `tick` is due, ms; undefined while nothing is asked. */
  get deadlineMs(): number | undefined {
    const due = Math.min(...[...this.#open.values()].map(({ endsAtMs }) => endsAtMs));
    return due === Infinity ? undefined : due;
  }

  /** Begins one; returns the topic of its answers. Throws `invalid_data`, and `too_many`. */
  begin(terms: SurveyTerms, nowMs: number): string {
    const { num, timeoutMs } = terms;
    if (!(timeoutMs > 0))
      throw new FabricError("invalid_data", "the timeout of a survey must be more than 0");
    if (num !== -1 && !(Number.isSafeInteger(num) && num > 0)) {
      throw new FabricError("invalid_data", "the number of answers must be -1, or at least 1");
    }
    if (this.#open.size >= LIMITS.surveysMax) {
      throw new FabricError("too_many", `${LIMITS.surveysMax} surveys are under way`);
    }
    const replyTo = `${this.#prefix}${++this.#last}`;
    this.#open.set(replyTo, { ...terms, endsAtMs: nowMs + timeoutMs, answers: new Map() });
    return replyTo;
  }

  /** Whether the topic is one of answers. */
  isAnswer(replyTo: string): boolean {
    return replyTo.startsWith(this.#prefix);
  }

  /** An answer has come. @param from Who gave it: its first one counts. */
  answered(replyTo: string, from: string, answer: BroEvent): void {
    const survey = this.#open.get(replyTo);
    if (survey === undefined) {
      this.late++;
      return;
    }
    if (!survey.answers.has(from)) survey.answers.set(from, answer);
    if (survey.answers.size === survey.num) this.#end(replyTo, survey);
  }

  /** To be called at `deadlineMs`: ends what has waited long enough. */
  tick(nowMs: number): void {
    for (const [replyTo, survey] of this.#open) if (survey.endsAtMs <= nowMs) this.#end(replyTo, survey);
  }

  #end(replyTo: string, { topic, answers, callback, cookie }: Survey): void {
    this.#open.delete(replyTo);
    callback(topic, [...answers.values()], cookie);
  }
}
