/** A subscription whose events are given to a function. */
import type { Delivery } from "./credit-ledger.ts";
import type { EventRun } from "./event-run.ts";
import { report } from "./handlers.ts";
import type { ReceivedEvent } from "./received-event.ts";
import type { Interest, Subscriber } from "./subscribers.ts";

/** Called for each event. An event counts as consumed when the promise that it returns, if any, is settled. */
export type EventHandler = (event: ReceivedEvent) => unknown;

export class HandlerSubscriber implements Subscriber {
  readonly interest: Interest;
  readonly #handler: EventHandler;
  readonly #release: (delivery: Delivery) => void;
  #isOver = false;

  constructor(interest: Interest, handler: EventHandler, release: (delivery: Delivery) => void) {
    this.interest = interest;
    this.#handler = handler;
    this.#release = release;
  }

  take(run: EventRun, delivery: Delivery): void {
    try {
      for (let i = 0; i < run.count && !this.#isOver; i++) this.#give(run.event(i)!, delivery);
    } catch (error) {
      report(error);
    }
  }

  #give(event: ReceivedEvent, delivery: Delivery): void {
    try {
      const result = this.#handler(event);
      if (isThenable(result)) this.#until(result, delivery);
    } catch (error) {
      report(error);
    }
  }

  end(): void {
    this.#isOver = true;
  }

  #until(result: PromiseLike<unknown>, delivery: Delivery): void {
    delivery.hold();
    result.then(
      () => this.#release(delivery),
      (error: unknown) => {
        this.#release(delivery);
        report(error);
      },
    );
  }
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
}
