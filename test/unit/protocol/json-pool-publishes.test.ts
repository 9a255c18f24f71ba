/** Events of JSON v1 clients for nodes of pools. */
import { describe, expect, test } from "vitest";
import { CborWriter } from "../../../src/data/cbor-writer.ts";
import { writeValue } from "../../../src/data/cbor-value.ts";
import { string, type Value } from "../../../src/data/value.ts";
import { jsonRig } from "../../support/session-rig.ts";
import { PoolViewRig, PROXIES } from "../../support/pool-view-rig.ts";

function bytesOf(value: Value): Uint8Array {
  const writer = new CborWriter();
  writeValue(writer, value);
  return writer.finish();
}

/** The node that has a key in the view at hand. */
function ownerOf(views: PoolViewRig, key: Value): string {
  return views.session().choose("proxy", { choice: "hrw", key: bytesOf(key) })!.name;
}

describe("JSON v1 clients", () => {
  const message = (topic: string, ...args: unknown[]) =>
    JSON.stringify({
      type: "data-message",
      topic,
      "@data-type": "vector",
      data: [
        { "@data-type": "count", data: 1 },
        { "@data-type": "count", data: 1 },
        {
          "@data-type": "vector",
          data: [
            { "@data-type": "string", data: "ev" },
            { "@data-type": "vector", data: args },
          ],
        },
      ],
    });

  test("§7.4 publish by topic: HRW by the first argument, round robin by what follows", () => {
    const views = new PoolViewRig().up(...PROXIES);
    const rig = jsonRig({ pools: views.pools });
    rig.do((session, nowMs) => session.text('["own/"]', nowMs));
    rig.connect().confirm("main").takeTexts();
    const say = (text: string) => rig.do((session, nowMs) => session.text(text, nowMs));
    say(message("selvedge/pool/proxy/hrw", { "@data-type": "string", data: "k" }));
    say(message("selvedge/pool/proxy/rr"));
    say(message("selvedge/pool/proxy/rr/a/b"));
    say(message("selvedge/pool/proxy/rr"));
    say(message("selvedge/pool/proxy/other"));
    const frames = rig.atRouter("main");
    const topics = frames.flatMap((f) => (f.type === "poolEvents" ? f.events.map((e) => e.topic) : []));
    const nodes = [ownerOf(views, string("k")), "proxy-1", "proxy-1", "proxy-2"];
    expect(topics).toEqual(nodes.map((name) => `zeek/cluster/node/${name}/`));
    expect(frames.filter(({ type }) => type === "publish")).toHaveLength(1);
    rig.from("main", {
      type: "handled",
      done: [1, 2, 3, 4].map((id) => ({ id, by: topics[id - 1]! })),
    });
    expect(rig.takeTexts()).toEqual([]);
    say(message("selvedge/pool/proxy/hrw"));
    views.up();
    say(message("selvedge/pool/proxy/rr"));
    expect(rig.takeTexts().map((text) => (JSON.parse(text) as { code: string }).code)).toEqual([
      "invalid_data",
      "no_receiver",
    ]);
    rig.session.ledger.assertBalanced();
  });
});
