/** `POST /v1/publish`: events of a program that holds no connection. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { DataMessageScanner } from "../protocol/data-message.ts";
import { mayPublish, type Grant } from "../protocol/grant.ts";
import { segmentsEvents } from "../protocol/frame.ts";
import { PublishQueue } from "../protocol/publish-queue.ts";
import type { SessionLedger } from "../protocol/session-ledger.ts";
import { parseTopic } from "../protocol/topic.ts";
import { TrunkEnd } from "../protocol/trunk-end.ts";
import { Placement } from "../routing/placement.ts";
import { deployedLayout } from "../site/deployed.ts";
import type { FabricEnv } from "./env.ts";
import { newInstanceId } from "./ids.ts";
import { isolateLedger } from "./isolate-ledger.ts";
import { openTrunk } from "../../durable/trunk.ts";

type PublishEnv = Pick<FabricEnv, "ROUTER" | "LAYOUT">;

/**
 * Publishes the data messages of JSON v1 in the body, one a line, and answers {"published": n} when all are sequenced.
 * Nothing is published when a line is refused: throws `deserialization_failed` or `invalid_topic_key` naming it,
 * `too_large`, `forbidden`; `unavailable` when a router did not answer: then some may be published.
 */
export async function publishEvents(env: PublishEnv, grant: Grant, request: Request): Promise<Response> {
  const body = await textOf(request);
  const { routers, formerRouters } = deployedLayout(env.LAYOUT);
  const placement = new Placement(routers, formerRouters);
  const queues = new Map<string, PublishQueue>();
  const scanner = new DataMessageScanner();
  let published = 0;
  for (const { line, number } of linesOf(body)) {
    const topic = topicOf(scanner, line, number);
    if (!mayPublish(grant, topic)) {
      throw new FabricError("forbidden", `line ${number}: no permission to publish to '${scanner.topic}'`);
    }
    const router = placement.owner(topic);
    const queue = queues.get(router) ?? new PublishQueue();
    queues.set(router, queue);
    queue.push(topic, scanner.canonical);
    published++;
  }
  const all = [...queues].map(async ([router, queue]) =>
    isolateLedger.during(async (ledger) => send(env, router, placement.version, queue, ledger)),
  );
  await Promise.all(all);
  return Response.json({ published });
}

/** The body. One that is too large is read to its end all the same: a client that still writes sees no answer. */
async function textOf(request: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    text = bytes > LIMITS.jsonMessageBytesMax ? "" : text + decoder.decode(chunk, { stream: true });
  }
  if (bytes <= LIMITS.jsonMessageBytesMax) return text + decoder.decode();
  const bound = LIMITS.jsonMessageBytesMax;
  throw new FabricError("too_large", `the body has ${bytes} bytes, at most ${bound} are allowed`);
}

/** Lines that are not blank, with their numbers; one at a time, because a body may be all line ends. */
function* linesOf(body: string): Generator<{ readonly line: string; readonly number: number }> {
  let number = 1;
  for (let from = 0; from < body.length; number++) {
    const end = body.indexOf("\n", from);
    const line = body.slice(from, end < 0 ? body.length : end);
    if (line.trim() !== "") yield { line, number };
    from = end < 0 ? body.length : end + 1;
  }
}

function topicOf(scanner: DataMessageScanner, line: string, number: number) {
  const result = scanner.scan(line);
  if (result === "ok") return parseTopic(scanner.topic);
  const code =
    result === "too_large" ? result : result === "bad_topic" ? "invalid_topic_key" : "deserialization_failed";
  throw new FabricError(code, `line ${number} is not a data message of JSON v1 (${result})`, {
    details: { line: number },
  });
}

/** One trunk for one request; a lost one is the caller's to judge, because what it carried may be sequenced. */
async function send(
  env: PublishEnv,
  router: string,
  table: string,
  queue: PublishQueue,
  ledger: SessionLedger,
): Promise<void> {
  const identity = { instance: newInstanceId(), connection: 1, table };
  const trunk = new TrunkEnd(router, identity, ledger);
  let last = 0;
  while (queue.chars > 0) {
    const segments = queue.take();
    ledger.received(segmentsEvents(segments));
    trunk.publish({ type: "publish", seq: ++last, repeat: false, segments });
  }
  const socket = await openTrunk(env.ROUTER.getByName(router));
  try {
    await new Promise<void>((resolve, reject) => {
      const lost = () =>
        reject(new FabricError("unavailable", `router ${router} did not confirm the events`));
      const timer = setTimeout(lost, LIMITS.subscribeMs);
      socket.addEventListener("close", lost);
      socket.addEventListener("error", lost);
      socket.addEventListener("message", (event) => {
        for (const answer of trunk.receive(new Uint8Array(event.data as ArrayBuffer))) {
          if (answer.type === "refused") reject(answer.error);
          if (answer.type !== "published" || answer.seq < last) continue;
          clearTimeout(timer);
          resolve();
        }
      });
      for (const bytes of trunk.opened()) socket.send(bytes);
    });
  } finally {
    socket.close(1000, "done");
  }
}
