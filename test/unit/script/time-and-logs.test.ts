/** Scripts over time, what they log, and the bounds of a node. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, timestamp, type Value } from "../../../src/data/value.ts";
import { defineScript } from "../../../src/script/define.ts";
import { ScriptEngine } from "../../../src/script/engine.ts";
import { MemoryNode } from "../../../src/script/memory-node.ts";
import { addr } from "../../../src/sdk/values.ts";
import { clusterOf, nodeWith, ScriptNode } from "../../support/script-rig.ts";

function textOf(value: Value): string {
  return value.type === "string" && typeof value.value === "string" ? value.value : "";
}

describe("time", () => {
  it("[A58] a scheduled event of a module runs when it is due, in order, also after a restart of its node", () => {
    const ran: [string, number][] = [];
    const node = nodeWith((zeek) => {
      const note = (text: Value): void =>
        void ran.push([textOf(text), Number(zeek.networkTime().ns / 1_000_000n)]);
      zeek.on("zeek_init", () => {
        zeek.schedule(10_000, "Test::later", "ten");
        zeek.schedule(5_000, "Test::later", "five");
        zeek.schedule(10_000, "Test::later", "ten again");
      });
      zeek.on("Test::later", note);
    });
    node.turn(1_000);
    expect(node.engine.deadlineMs).toBe(6_000);
    node.turn(5_999);
    expect(ran).toEqual([]);
    const again = node.restarted();
    expect(again.engine.scheduledMs).toBe(6_000);
    again.turn(6_000);
    again.turn(11_000);
    expect(ran).toEqual([
      ["five", 6_000],
      ["ten", 11_000],
      ["ten again", 11_000],
    ]);
    expect(again.memory.stored.schedules).toEqual([]);
    expect(again.engine.deadlineMs).toBeUndefined();
  });

  it("a schedule has bounds: time and number", () => {
    const answers: boolean[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        for (const ms of [0, LIMITS.scriptScheduleMsMax, LIMITS.scriptScheduleMsMax + 1, -1, NaN]) {
          answers.push(zeek.schedule(ms, "Test::later"));
        }
        for (let i = 2; i <= LIMITS.scriptSchedulesMax; i++) answers.push(zeek.schedule(1, "Test::later"));
      });
    });
    node.turn();
    expect(answers.slice(0, 5)).toEqual([true, true, false, false, false]);
    expect(answers.slice(-2)).toEqual([true, false]);
  });

  it("zeek_init runs once in a life, and again in another; zeek_done at its end", () => {
    const ran: string[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => void ran.push("init"));
      zeek.on("zeek_done", () => void ran.push("done"));
    });
    node.turn();
    const again = node.restarted();
    again.turn();
    again.engine.done();
    again.turn();
    expect(ran).toEqual(["init", "done"]);
    new ScriptNode(node.options).turn();
    expect(ran).toEqual(["init", "done", "init"]);
  });
});

describe("when", () => {
  const asking = (timeoutMs: number, outcomes: unknown[]) =>
    nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        zeek.when(
          () => Promise.resolve("value"),
          timeoutMs,
          (outcome) => {
            outcomes.push(
              outcome.ok ? outcome.value : "code" in outcome.error ? outcome.error.code : "other",
            );
            zeek.publish("a", "Test::answered");
          },
        );
      });
    });

  it("calls back with the value, and not twice", async () => {
    const outcomes: unknown[] = [];
    const node = asking(1_000, outcomes);
    node.turn();
    expect(node.engine.isWaiting).toBe(true);
    const [when] = node.whens;
    node.engine.answered(when!.id, { ok: true, value: await when!.operation() });
    node.turn();
    expect(outcomes).toEqual(["value"]);
    expect(node.published.length).toBe(1);
    expect(node.engine.isWaiting).toBe(false);
    node.turn(10_000);
    expect(outcomes.length).toBe(1);
  });

  it("calls back with request_timeout when its time is over, and drops what comes later", () => {
    const outcomes: unknown[] = [];
    const node = asking(LIMITS.scriptWhenMsMax, outcomes);
    node.turn(1_000);
    expect(node.engine.deadlineMs).toBe(1_000 + LIMITS.scriptWhenMsMax);
    node.turn(1_000 + LIMITS.scriptWhenMsMax);
    node.engine.answered(node.whens[0]!.id, { ok: true, value: "late" });
    node.turn();
    expect(outcomes).toEqual(["request_timeout"]);
  });

  it("that the node did not outlive is reported, once", () => {
    const outcomes: unknown[] = [];
    const node = asking(1_000, outcomes);
    node.turn();
    const again = node.restarted();
    again.turn(10_000);
    expect(again.messages).toEqual([
      "the node died while script test waited for an operation: its callback does not come",
    ]);
    expect(outcomes).toEqual([]);
    const last = again.restarted();
    last.turn();
    expect(last.messages).toEqual([]);
  });

  it("refuses a timeout past the bound, and one operation too many", () => {
    const node = asking(LIMITS.scriptWhenMsMax + 1, []);
    node.turn();
    expect(node.messages).toEqual([
      `FabricError: when waits for more than 0 and at most ${LIMITS.scriptWhenMsMax} ms`,
    ]);
    const many = nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        for (let i = 0; i <= LIMITS.scriptWhensMax; i++)
          zeek.when(
            () => Promise.resolve(),
            1,
            () => {},
          );
      });
    });
    many.turn();
    expect(many.whens.length).toBe(LIMITS.scriptWhensMax);
    expect(many.messages.length).toBe(1);
  });
});

describe("logs", () => {
  it("[E32] writes Zeek's JSON, and the cluster log under the node's name", () => {
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        zeek.log("Scans::LOG", {
          ts: timestamp(1_700_000_000_123_456_789n),
          host: addr("10.0.0.1"),
          n: count(2n ** 63n),
          unset: null,
          list: ["a", true],
        });
        zeek.clusterLog("hello");
        zeek.log("no/stream", {});
        zeek.log("tables", { t: new Map([["a", "b"]]) });
      });
    });
    node.turn(2_500);
    expect(node.logs.slice(0, 2)).toMatchObject([
      {
        stream: "scans",
        line: '{"ts":1700000000.123456,"host":"10.0.0.1","n":9223372036854775808,"list":["a",true]}',
      },
      { stream: "cluster", line: '{"ts":2.500000,"node":"manager","message":"hello"}' },
    ]);
    expect(node.reports.map(({ level }) => level)).toEqual(["warning", "warning"]);
  });
});

describe("bounds", () => {
  const scripts = (n: number) => Array.from({ length: n }, (_, i) => defineScript(`s${i}`, () => {}));
  const engine = (n: number) =>
    new ScriptEngine(
      { node: "", nodeId: "", cluster: clusterOf(), scripts: scripts(n) },
      new MemoryNode(),
      new MemoryNode().stored,
    );

  it("scripts of one node, their names, and handlers", () => {
    expect(() => engine(LIMITS.scriptsMax)).not.toThrow();
    expect(() => engine(LIMITS.scriptsMax + 1)).toThrow("at most");
    expect(() => new ScriptNode({ scripts: [...scripts(1), ...scripts(1)] })).toThrow("the same name");
    expect(() => defineScript("no name", () => {})).toThrow("name of a script");
    let made = 0;
    const node = nodeWith((zeek) => {
      for (; made <= LIMITS.scriptHandlersMax; made++) zeek.on("Test::go", () => {});
    });
    node.turn();
    expect(made).toBe(LIMITS.scriptHandlersMax);
    expect(node.messages).toEqual([`set up: a node has at most ${LIMITS.scriptHandlersMax} handlers`]);
  });
});
