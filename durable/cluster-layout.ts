/**
 * ClusterLayout: the run-time part of the layout, one small document (src/cluster/layout-document.ts). Few calls, little
 * state, so it is written with itty-durable (docs/decisions/0005): a call is a GET whose argument is a header, and all
 * public properties are the stored state. It never changes the router table (rules.md 8).
 *
 * Trap: itty-durable calls any method by name, `destroy` included, for whoever reaches `fetch`. So only this class's two
 * calls pass the door, and the Worker never forwards a request here (rules.md 34).
 */
import { createDurable } from "itty-durable";
import { error, IttyRouter, type IRequest } from "itty-router";
import { FabricError } from "../src/base/errors.ts";
import { parseCall } from "../src/cluster/layout-call.ts";
import {
  changeDocument,
  EMPTY_DOCUMENT,
  parseLayoutChange,
  parseLayoutDocument,
  type LayoutDocument,
} from "../src/cluster/layout-document.ts";
import { deployedLayout } from "../src/site/deployed.ts";
import type { ObjectEnv } from "./env.ts";
import { trace } from "./trace.ts";

/** What a call is answered with. An error is an answer, because itty-durable would keep only its text. */
export type LayoutAnswer =
  | { readonly document: LayoutDocument }
  | { readonly error: { readonly code: string; readonly message: string } };

type Next = (request: Request) => Promise<Response>;

const door = IttyRouter<IRequest, [Next]>()
  .get("/do/call/read", async (request, next) => next(request))
  .get("/do/call/change", async (request, next) => next(request))
  .all("*", () => error(404, "there is no such call"));

export class ClusterLayout extends createDurable({ autoPersist: false, autoReturn: false }) {
  /** The stored state: itty-durable keeps this property. */
  document: LayoutDocument = EMPTY_DOCUMENT;
  readonly #env: ObjectEnv;

  constructor(ctx: DurableObjectState, env: ObjectEnv) {
    super(ctx, env);
    this.#env = env;
  }

  override async fetch(request: Request): Promise<Response> {
    return door.fetch(request, async (call) => super.fetch(call) as Promise<Response>) as Promise<Response>;
  }

  override async onLoad(): Promise<void> {
    this.document = parseLayoutDocument(this.document);
  }

  /** The document as it is. */
  read(): LayoutAnswer {
    return { document: this.document };
  }

  /** Takes one change (LayoutChange as `formatCall` writes it) and answers when it is durable. */
  async change(text: string): Promise<LayoutAnswer> {
    try {
      const change = parseLayoutChange(parseCall(text));
      const document = changeDocument(this.document, change, deployedLayout(this.#env.LAYOUT));
      if (document === this.document) return { document };
      this.document = document;
      // A write that fails makes the platform discard this object, with what it believes.
      await this.persist();
      const { epoch, loggers, nodes, pools, stores } = document;
      trace("layout.changed", {
        epoch,
        loggers: loggers.length,
        nodes: nodes.length,
        pools: pools.length,
        stores: stores.length,
      });
      return { document };
    } catch (refused) {
      if (!(refused instanceof FabricError)) throw refused;
      return { error: refused.toJSON() };
    }
  }
}
