/** A trunk as its router sees it: who is behind it, what it subscribes to, where it stands, and what waits for it. */
import type { InstanceId } from "../protocol/frame.ts";
import { isMatch, type Prefix, type Topic } from "../protocol/topic.ts";
import { Awaited } from "./awaited.ts";
import type { Member } from "./interest-group.ts";
import type { KeptLog } from "./kept-log.ts";
import type { RouterLedger } from "./ledger.ts";
import { Outbox } from "./outbox.ts";
import type { ReaderTerms } from "./reader-terms.ts";
import type { Replay } from "./replay.ts";
import type { TrunkRow } from "./router-state.ts";
import type { SharedBytes } from "./shared-bytes.ts";

export class Trunk {
  readonly id: string;
  readonly instance: InstanceId;
  readonly connection: number;
  readonly terms: ReaderTerms;
  readonly prefixes: Set<Prefix>;
  readonly outbox: Outbox;
  /** Pool events that it has not acknowledged. */
  readonly awaited = new Awaited();
  /** Its place in each stream that its prefixes concern, by stream. */
  readonly chains = new Map<string, Chain>();
  /** Since when its publishers wait for it; undefined while they do not. */
  blockedSinceMs: number | undefined;

  constructor(row: Omit<TrunkRow, "lastSeq">, ledger: RouterLedger, waiting: SharedBytes) {
    this.id = row.id;
    this.instance = row.instance;
    this.connection = row.connection;
    this.terms = row.terms;
    this.prefixes = new Set(row.prefixes);
    this.outbox = new Outbox(row.terms, ledger, waiting, this.awaited);
  }

  /** What storage keeps of it. `seq`: where a trunk stands that is subscribed to nothing. */
  row(seq: number): TrunkRow {
    const { id, instance, connection, terms } = this;
    const lastSeq = Math.min(seq, ...[...this.chains.values()].map((chain) => chain.lastSeq));
    return { id, instance, connection, terms, prefixes: [...this.prefixes], lastSeq };
  }

  /** Whether it is being sent what is kept, in some stream. */
  get isReplayed(): boolean {
    for (const { replay } of this.chains.values()) if (replay !== undefined) return true;
    return false;
  }

  /** Whether it subscribes to the topic. */
  takes(topic: Topic): boolean {
    for (const prefix of this.prefixes) if (isMatch(prefix, topic)) return true;
    return false;
  }
}

/** A trunk in one stream. */
export class Chain implements Member {
  readonly trunk: Trunk;
  readonly stream: string;
  /** Where the stream is kept; undefined for topics that are not. */
  readonly log: KeptLog | undefined;
  lastSeq: number;
  /** While what is kept is sent; the chain is then not live. */
  replay: Replay | undefined;

  constructor(trunk: Trunk, stream: string, log: KeptLog | undefined, lastSeq: number) {
    this.trunk = trunk;
    this.stream = stream;
    this.log = log;
    this.lastSeq = lastSeq;
  }
}
