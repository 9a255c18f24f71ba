/** `bro_event_…`: events, their handlers, and surveys. */
import { FabricError } from "../../base/errors.ts";
import type { ValueType } from "../../data/value.ts";
import { parseTopic } from "../../protocol/topic.ts";
import { replyToMetadata } from "../../sdk/reply-topic.ts";
import { time as timeValue, toValue, type Argument } from "../../sdk/values.ts";
import { BroEvent } from "./bro-event.ts";
import { Handled } from "./handled.ts";
import type { Publishing } from "./parts.ts";
import type { SurveyCallback, Surveys } from "./surveys.ts";

/** @param topic The topic of the event, whatever the handler was registered for. */
export type EventCallback = (event: BroEvent, topic: string, cookie: unknown) => void;

export interface EventsOptions extends Publishing {
  readonly surveys: Surveys;
  /** A survey has begun or ended. */
  readonly asked: () => void;
  /** Of this node. */
  readonly own: string;
}

export class Events extends Handled<EventCallback> {
  readonly #options: EventsOptions;

  constructor(options: EventsOptions) {
    super(options);
    this.#options = options;
  }

  /** An event. @param time Ms since 1970, a Date, or ns as a bigint. Undefined with `invalid_data`. */
  new(name: string, time: number | Date | bigint, args: readonly Argument[] = []): BroEvent | undefined {
    return this.#options.error.attempt(
      undefined,
      () => new BroEvent(name, timeValue(time), args.map(toValue)),
    );
  }

  delete(event: BroEvent): void {
    event.delete();
  }

  /** The types of an event's arguments. */
  types(event: BroEvent): readonly ValueType[] {
    return event.types;
  }

  /** Publishes an event, and takes it over. False with `invalid_topic_key`, `invalid_data`, `too_large`. */
  raise(topic: string, event: BroEvent): boolean {
    const { error, routes, publish } = this.#options;
    return error.attempt(false, () => {
      routes.assertRaisable(topic);
      parseTopic(topic);
      event.take();
      publish(topic, event.toWire());
      if (routes.local.matches(topic, null)) this.take(topic, event);
      return true;
    });
  }

  /**
   * Publishes a question, and collects the first answer of each node, until there are `num`, or the time is over; -1 waits
   * for that. False with `invalid_data`, also for a timeout that is not above 0.
   */
  survey(
    topic: string,
    event: BroEvent,
    num: number,
    timeoutMs: number,
    callback: SurveyCallback,
    cookie?: unknown,
  ): boolean {
    const { error, routes, publish, surveys, asked } = this.#options;
    return error.attempt(false, () => {
      routes.assertRaisable(topic);
      parseTopic(topic);
      const replyTo = surveys.begin({ topic, num, timeoutMs, callback, cookie }, Date.now());
      event.take();
      const question = new BroEvent(event.name, event.time, event.args, replyTo);
      publish(topic, question.toWire([replyToMetadata(replyTo)]));
      asked();
      if (routes.local.matches(topic, null)) this.take(topic, question);
      return true;
    });
  }

  /** Answers a question of a survey, in its handler or later. False with `invalid_data` for another event. */
  answer(question: BroEvent, answer: BroEvent): boolean {
    const { error, publish, surveys, own, asked } = this.#options;
    return error.attempt(false, () => {
      const { replyTo } = question;
      if (replyTo === undefined)
        throw new FabricError("invalid_data", `${question.name} is no question of a survey`);
      answer.take();
      if (surveys.isAnswer(replyTo)) {
        surveys.answered(replyTo, own, answer);
        asked();
      } else publish(replyTo, answer.toWire());
      return true;
    });
  }

  /** @internal Gives an event to its handlers. */
  take(topic: string, event: BroEvent): void {
    this.handlers.call(topic, (callback, cookie) => callback(event, topic, cookie));
  }
}
