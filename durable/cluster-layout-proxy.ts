/** Typed calls to the one ClusterLayout of a deployment: the only value that the Worker imports from durable/. */
import { proxyDurable } from "itty-durable";
import { FabricError, isErrorCode } from "../src/base/errors.ts";
import { formatCall } from "../src/cluster/layout-call.ts";
import {
  parseLayoutDocument,
  type LayoutChange,
  type LayoutDocument,
} from "../src/cluster/layout-document.ts";
import type { LayoutAnswer } from "./cluster-layout.ts";

/** The name of the object. */
const NAME = "layout";

/** What is used of the binding. */
export type ClusterLayoutNamespace = Pick<DurableObjectNamespace, "idFromName" | "get">;

export interface ClusterLayoutCalls {
  /** The run-time part of the layout. Throws `unavailable` when the object does not answer. */
  read(): Promise<LayoutDocument>;
  /**
   * The document after a change, which is durable then. Throws also `unknown_logger`, `layout_changed`, `invalid_layout`
   * and `too_large`.
   */
  change(change: LayoutChange): Promise<LayoutDocument>;
}

/** itty-durable's proxy; each method is a request. */
type Proxied = Readonly<Record<"read" | "change", (...text: readonly string[]) => Promise<unknown>>>;

export function clusterLayout(namespace: ClusterLayoutNamespace): ClusterLayoutCalls {
  const proxied = (): Proxied =>
    proxyDurable(namespace, { name: "CLUSTER_LAYOUT", parse: true }).get(NAME) as Proxied;
  return {
    read: async () => documentOf(async () => proxied().read()),
    change: async (change) => {
      const text = formatCall(change);
      return documentOf(async () => proxied().change(text));
    },
  };
}

async function documentOf(call: () => Promise<unknown>): Promise<LayoutDocument> {
  let answer: LayoutAnswer;
  try {
    answer = (await call()) as LayoutAnswer;
  } catch (cause) {
    throw new FabricError("unavailable", "the layout's object did not answer", { cause });
  }
  if ("document" in answer) return parseLayoutDocument(answer.document);
  const { code, message } = answer.error;
  throw new FabricError(isErrorCode(code) ? code : "logic_error", message);
}
