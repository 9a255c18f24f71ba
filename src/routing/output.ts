/** What a router has to do in a turn: changes of storage, bytes to send, trunks to close; and the gathered acks. */
import type { FabricError } from "../base/errors.ts";
import { encodeFrame } from "../protocol/frame-codec.ts";
import type { Frame, Gap } from "../protocol/frame.ts";
import type { RouterLedger } from "./ledger.ts";
import type { Dropped, OutboxItem } from "./outbox.ts";
import type { RouterChange, RouterEffect } from "./router-state.ts";

/** Publishes of a trunk up to `seq` are sequenced. */
interface Acknowledged {
  seq: number;
  readonly receivers: number | undefined;
}

/** RFC 6455 and the IANA registry: the endpoint restarts, come back. */
const SERVICE_RESTART = 1012;

export class Output {
  #effects: RouterEffect[] = [];
  readonly #ledger: RouterLedger;
  readonly #acks = new Map<string, Acknowledged[]>();

  /** @param ledger Counts the gaps that readers are told. */
  constructor(ledger: RouterLedger) {
    this.#ledger = ledger;
  }

  persist(change: RouterChange): void {
    this.#effects.push({ type: "persist", change });
  }

  bytes(trunks: readonly string[], bytes: Uint8Array): void {
    this.#effects.push({ type: "send", trunks, bytes });
  }

  frame(trunk: string, frame: Frame): void {
    if (frame.type === "gap") this.#ledger.told(frame.gap.reason);
    else if (frame.type === "subscribed") for (const { reason } of frame.gaps) this.#ledger.told(reason);
    this.bytes([trunk], encodeFrame(frame));
  }

  /** What an outbox has let go. */
  items(trunk: string, items: readonly OutboxItem[]): void {
    for (const item of items) {
      if (item.type === "deliver") this.bytes([trunk], item.bytes);
      else this.frame(trunk, { type: "gap", gap: gapOf(item.dropped) });
    }
  }

  /** The router begins anew: its trunks are to come back. */
  restart(trunk: string): void {
    this.close(trunk, SERVICE_RESTART, "restarted");
  }

  close(trunk: string, code: number, reason: string): void {
    this.#effects.push({ type: "close", trunk, code, reason });
  }

  /** Tells a trunk why, and closes it. */
  refuse(trunk: string, error: FabricError): void {
    this.frame(trunk, { type: "error", id: undefined, code: error.code, message: error.message });
    this.close(trunk, error.close, error.code);
  }

  /**
   * A publish of this trunk is sequenced: it is told so at the end of the turn.
   * @param receivers Where it asked for a receipt.
   */
  acknowledge(trunk: string, seq: number, receivers?: number): void {
    const acks = this.#acks.get(trunk) ?? [];
    const last = acks.at(-1);
    if (last !== undefined && receivers === undefined && last.receivers === undefined) {
      last.seq = Math.max(seq, last.seq);
    } else {
      acks.push({ seq, receivers });
    }
    this.#acks.set(trunk, acks);
  }

  sendAcks(router: string): void {
    for (const [trunk, acks] of this.#acks) {
      for (const { seq, receivers } of acks) {
        const receipt = receivers === undefined ? {} : { receivers };
        this.frame(trunk, { type: "published", router, seq, ...receipt });
      }
    }
    this.#acks.clear();
  }

  /** Everything since the last call. */
  take(): readonly RouterEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

function gapOf({ stream, incarnation, from, to, events }: Dropped): Gap {
  const at = { router: stream, incarnation };
  return { extent: "exact", from: { ...at, seq: from }, to: { ...at, seq: to }, events, reason: "overflow" };
}
