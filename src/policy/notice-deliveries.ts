/**
 * What leaves the cluster because of a notice: e-mail, pages, webhooks. Each is kept until it is delivered, and tried
 * again from a schedule, which a node that dies or sleeps does not lose; so one may arrive twice, and none is forgotten.
 */
import { count } from "../data/value.ts";
import type { Zeek } from "../script/zeek.ts";
import type { Notice, NoticeAction } from "./notice.ts";
import { textOf } from "./text.ts";

/** Sends one; rejects when it was not taken. */
export type Channel = (notice: Notice) => Promise<void>;
export type ChannelName = Exclude<NoticeAction, "log" | "drop">;
export type Channels = Readonly<Partial<Record<ChannelName, Channel>>>;

const RETRY = "Notice::deliver";
const PREFIX = "delivery/";
const LAST = "last delivery";
const TIMEOUT_MS = 10_000;
/** The wait behind each try: the last one is repeated. */
const RETRY_MS = [30_000, 60_000, 300_000, 900_000, 3_600_000] as const;
/** About a day. */
const TRIES_MAX = 30;

interface Delivery {
  readonly channel: ChannelName;
  readonly notice: Notice;
  readonly tries: number;
}

export class Deliveries {
  readonly #zeek: Zeek;
  readonly #channels: Channels;

  /** To be made while the script is set up. */
  constructor(zeek: Zeek, channels: Channels) {
    this.#zeek = zeek;
    this.#channels = channels;
    zeek.on(RETRY, (id) => this.#try(textOf(id)), { types: ["string"] });
  }

  send(channel: ChannelName, notice: Notice): void {
    if (this.#channels[channel] === undefined) {
      this.#zeek.clusterLog(`notice ${notice.note}: no way to send ${channel} is set up`);
      return;
    }
    const last = this.#zeek.state.get(LAST);
    const number = (last?.type === "count" ? last.value : 0n) + 1n;
    this.#zeek.state.set(LAST, count(number));
    const id = String(number);
    this.#keep(id, { channel, notice, tries: 0 });
    this.#try(id);
  }

  #try(id: string): void {
    const delivery = this.#kept(id);
    if (delivery === undefined) return;
    const { channel, notice, tries } = delivery;
    const send = this.#channels[channel];
    if (send === undefined || tries >= TRIES_MAX) {
      this.#zeek.state.delete(PREFIX + id);
      this.#zeek.clusterLog(`notice ${notice.note}: ${channel} was given up after ${tries} tries`);
      return;
    }
    this.#keep(id, { ...delivery, tries: tries + 1 });
    // First the schedule, then the try: whatever happens to the node meanwhile, it is tried again.
    this.#zeek.schedule(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]!, RETRY, id);
    this.#zeek.when(
      () => send(notice),
      TIMEOUT_MS,
      (outcome) => {
        if (outcome.ok) this.#zeek.state.delete(PREFIX + id);
        else this.#zeek.clusterLog(`notice ${notice.note}: ${channel} failed: ${outcome.error.message}`);
      },
    );
  }

  #keep(id: string, delivery: Delivery): void {
    this.#zeek.state.set(PREFIX + id, JSON.stringify(delivery));
  }

  #kept(id: string): Delivery | undefined {
    const value = this.#zeek.state.get(PREFIX + id);
    return value === undefined ? undefined : (JSON.parse(textOf(value)) as Delivery);
  }
}
