/** What was published to nodes of pools, who has taken it, and what its publisher was told: none may be lost in silence. */
import { nodeTopic, ZEEK_TOPIC_NAMES } from "../../../src/cluster/topic-names.ts";
import { Violation, type World } from "../kit/world.ts";

interface PoolPublish {
  /** Names of the nodes that have taken it, as often as they have. */
  readonly takenBy: string[];
  told: string | undefined;
}

export class PoolLedger {
  readonly #world: World;
  readonly #publishes = new Map<string, PoolPublish>();

  constructor(world: World) {
    this.#world = world;
  }

  published(key: string): void {
    this.#publishes.set(key, { takenBy: [], told: undefined });
    this.#world.tally("pool events published");
  }

  taken(key: string, by: string): void {
    const publish = this.#of(key);
    if (publish.takenBy.length > 0) this.#world.tally("pool events taken again");
    publish.takenBy.push(by);
    this.#world.tally("pool events taken");
  }

  /** @param by A name or, of a node that the session did not choose, its topic. */
  handled(key: string, by: string): void {
    const publish = this.#of(key);
    if (!publish.takenBy.some((name) => by === name || by === nodeTopic(ZEEK_TOPIC_NAMES, name))) {
      throw new Violation(
        `${key} is said to be handled by ${by}; it was taken by ${publish.takenBy.join(", ")}`,
      );
    }
    publish.told = "handled";
    this.#world.tally("pool events handled");
  }

  refused(key: string, code: string): void {
    this.#of(key).told = code;
    this.#world.tally(`pool events refused: ${code}`);
  }

  #of(key: string): PoolPublish {
    const publish = this.#publishes.get(key);
    if (publish === undefined) throw new Violation(`nobody has published ${key}`);
    return publish;
  }
}
