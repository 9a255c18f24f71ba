/** The script engine: handlers, events, publishing, what persists, and what it refuses. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, string, type Value } from "../../../src/data/value.ts";
import { defineScript } from "../../../src/script/define.ts";
import type { MadeEvent } from "../../../src/script/zeek.ts";
import { addr, int, toJs } from "../../../src/sdk/values.ts";
import { nodeWith, ScriptNode } from "../../support/script-rig.ts";

function textOf(value: Value): string {
  return value.type === "string" && typeof value.value === "string" ? value.value : "";
}

describe("handlers", () => {
  it("run by priority, then in the order they were made, for local and remote events", () => {
    const ran: string[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => void zeek.event("Test::go", "x"));
      zeek.on("Test::go", () => void ran.push("second"));
      zeek.on("Test::go", (text) => void ran.push(`first ${textOf(text)}`), { priority: 5 });
      zeek.on("Test::go", () => void ran.push("third"));
      zeek.on("Test::go", () => void ran.push("last"), { priority: -5 });
      zeek.on("Test::go", () => void ran.push(`remote ${zeek.isRemoteEvent()}`), { priority: -6 });
    });
    node.turn();
    expect(ran).toEqual(["first x", "second", "third", "last", "remote false"]);
    ran.length = 0;
    node.receive("Test::go", string("y"));
    expect(ran).toEqual(["first y", "second", "third", "last", "remote true"]);
  });

  it("refuses arguments of another count or type than declared, with a warning, and an unknown event in silence", () => {
    const ran: unknown[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("Test::typed", (host, n) => void ran.push([host.bytes.length, n.value]), {
        types: ["address", "count"],
      });
      zeek.on("Test::typed", () => void ran.push("undeclared"));
    });
    node.receive("Test::typed", addr("10.0.0.1"), count(7));
    node.receive("Test::typed", addr("10.0.0.1"));
    node.receive("Test::typed", addr("10.0.0.1"), int(7));
    node.receive("Other::event", int(7));
    expect(ran).toEqual([[16, 7n], "undeclared"]);
    expect(node.messages).toEqual([
      "event Test::typed takes 2 arguments, not 1",
      "argument 2 of event Test::typed is a count, not a integer",
    ]);
    expect(node.logs.map(({ stream }) => stream)).toEqual(["reporter", "reporter"]);
  });

  it("a handler that throws is reported with script and event, keeps what it did, and costs nobody else anything", () => {
    const ran: string[] = [];
    const node = new ScriptNode({
      scripts: [
        defineScript("broken", (zeek) => {
          zeek.on("Test::go", () => {
            zeek.publish("a", "Test::before");
            zeek.state.set("before", true);
            throw new Error("no");
          });
        }),
        defineScript("sound", (zeek) => zeek.on("Test::go", () => void ran.push("ran"))),
      ],
    });
    node.receive("Test::go");
    expect(ran).toEqual(["ran"]);
    expect(node.reports).toEqual([
      { level: "error", script: "broken", event: "Test::go", message: "Error: no" },
    ]);
    expect(node.published.map(({ topic }) => topic)).toEqual(["a"]);
    expect(node.memory.get("broken/before")).toBeDefined();
    expect(JSON.parse(node.logs[0]!.line)).toMatchObject({
      node: "manager",
      level: "Reporter::ERROR",
      message: "Error: no",
      location: "broken, Test::go",
    });
  });

  it("a handler that returns a promise is an error of the script, and can do nothing later", async () => {
    const errors: string[] = [];
    const node = nodeWith((zeek) => {
      // oxlint-disable-next-line typescript/no-misused-promises -- the mistake that this is about
      const later: () => void = async () => {
        await Promise.resolve();
        try {
          zeek.publish("a", "Test::late");
        } catch (error) {
          errors.push((error as Error).message);
          throw error;
        }
      };
      zeek.on("Test::go", later);
    });
    node.receive("Test::go");
    await Promise.resolve();
    await Promise.resolve();
    expect(node.messages).toEqual(["the handler returned a promise: handlers are synchronous, use `when`"]);
    expect(errors).toEqual(["publish can only be called by a handler, and not after an await"]);
    expect(node.turn()).toEqual([]);
  });

  it("what a script does while it is set up is refused, and the other scripts go on", () => {
    const ran: string[] = [];
    const node = new ScriptNode({
      scripts: [
        defineScript("early", (zeek) => {
          zeek.on("zeek_init", () => void ran.push("kept"));
          zeek.publish("a", "Test::go");
        }),
        defineScript("good", (zeek) => zeek.on("zeek_init", () => void ran.push("init"))),
      ],
    });
    node.turn();
    expect(ran).toEqual(["kept", "init"]);
    expect(node.reports).toMatchObject([{ level: "error", script: "early", event: undefined }]);
    expect(node.published).toEqual([]);
  });

  it("are registered only while the script is set up", () => {
    const node = nodeWith((zeek) => zeek.on("Test::go", () => zeek.on("Test::more", () => {})));
    node.receive("Test::go");
    expect(node.messages).toEqual(["FabricError: on can only be called while the script is set up"]);
  });

  it("two declarations of one event clash", () => {
    const node = nodeWith((zeek) => {
      zeek.on("Test::go", () => {}, { types: ["count"] });
      zeek.on("Test::go", () => {}, { types: ["string"] });
    });
    node.turn();
    expect(node.messages).toEqual(["set up: event Test::go is declared with (count) and with (string)"]);
  });

  it("[A57] [B11] a name without its module does not reach the module's handler, and that is reported; global events need none", () => {
    const ran: string[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        ran.push("init");
        zeek.event("Test::hello");
        zeek.event("hello");
        zeek.schedule(10_000, "my_global");
      });
      zeek.on("Test::hello", () => void ran.push("Test::hello"));
      zeek.on("my_global", () => void ran.push("my_global"));
    });
    node.turn();
    expect(ran).toEqual(["init", "Test::hello"]);
    expect(node.messages).toEqual(["event hello has no handler here; Test::hello has one"]);
    node.turn(11_000);
    expect(ran).toEqual(["init", "Test::hello", "my_global"]);
  });

  it("one that raises its own event without end is stopped, and the others are not", () => {
    let raised = 0;
    const node = new ScriptNode({
      scripts: [
        defineScript("runaway", (zeek) => {
          zeek.on("Test::again", () => {
            zeek.event("Test::again");
            raised++;
          });
        }),
        defineScript("other", (zeek) => zeek.on("Test::go", () => void zeek.publish("a", "Test::went"))),
      ],
    });
    node.engine.receive({ name: "Test::again", args: [], metadata: [] });
    node.receive("Test::go");
    expect(raised).toBe(LIMITS.scriptRaisedMax);
    expect(node.reports).toMatchObject([{ script: "runaway", event: "Test::again" }]);
    expect(node.published.length).toBe(1);
  });
});

describe("publishing", () => {
  it("[A40] [B4] does not run the publisher's own handlers, subscribed or not", () => {
    const ran: string[] = [];
    const node = nodeWith((zeek) => {
      zeek.subscribe("site/");
      zeek.on("zeek_init", () => void zeek.publish("site/x", "Test::go", "a", count(1)));
      zeek.on("Test::go", () => void ran.push("ran"));
    });
    node.turn();
    expect(ran).toEqual([]);
    expect(node.published).toEqual([
      { topic: "site/x", event: { name: "Test::go", args: [string("a"), count(1)], metadata: [] } },
    ]);
  });

  it("a made event may be published more than once, and is checked", () => {
    const answers: unknown[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("Test::go", () => {}, { types: ["string"] });
      zeek.on("zeek_init", () => {
        const made = zeek.makeEvent("Test::go", "x");
        answers.push(zeek.publish("a", made), zeek.publish("b", made));
        const refused: MadeEvent | undefined = zeek.makeEvent("Test::go", count(1));
        answers.push(refused, zeek.publish("c", refused), zeek.publish("d", made, "more"));
        answers.push(zeek.publish("x".repeat(LIMITS.topicBytesMax + 1), made));
      });
    });
    node.turn();
    expect(answers).toEqual([true, true, undefined, false, false, false]);
    expect(node.published.map(({ topic, event }) => [topic, event.args])).toEqual([
      ["a", [string("x")]],
      ["b", [string("x")]],
    ]);
    expect(node.reports.every(({ level }) => level === "warning")).toBe(true);
    expect(node.reports.length).toBe(4);
  });

  it("autoPublish: a local dispatch runs handlers and publishes to each topic; what came from elsewhere goes nowhere", () => {
    const ran: unknown[] = [];
    const node = nodeWith((zeek) => {
      zeek.autoPublish("one", "Test::auto");
      zeek.autoPublish("two", "Test::auto");
      zeek.on("Test::auto", (n) => void ran.push(toJs(n)));
      zeek.on("Test::local", () => void zeek.event("Test::auto", count(1)));
      zeek.on("Test::stop", () => void zeek.autoUnpublish("two", "Test::auto"));
    });
    node.receive("Test::local");
    expect(node.published.map(({ topic }) => topic)).toEqual(["one", "two"]);
    node.receive("Test::auto", count(2));
    node.receive("Test::stop");
    expect(node.published.length).toBe(2);
    node.receive("Test::local");
    expect(node.published.map(({ topic }) => topic)).toEqual(["one", "two", "one"]);
    expect(ran).toEqual([1n, 2n, 1n]);
    const again = node.restarted();
    again.receive("Test::local");
    expect(again.published.map(({ topic }) => topic)).toEqual(["one"]);
  });

  it("[B5] autoPublish is refused by name where the generation is one without it", () => {
    const node = nodeWith((zeek) => void zeek.autoPublish("one", "Test::auto"), {
      isAutoPublishRefused: true,
    });
    node.turn();
    expect(node.messages).toEqual([
      "set up: autoPublish is no part of this generation: publish in a handler",
    ]);
  });
});

describe("subscriptions", () => {
  it("begin with those of the node's role, and changes outlive a restart of the object", () => {
    const node = nodeWith((zeek) => {
      zeek.subscribe("site/a");
      zeek.on("Test::change", () => {
        zeek.subscribe("site/b");
        zeek.unsubscribe("site/a");
      });
      zeek.on("Test::back", () => {
        zeek.subscribe("site/a");
        zeek.unsubscribe("site/b");
      });
    });
    const role = ["zeek/cluster/manager", "zeek/cluster/node/manager/", "zeek/cluster/nodeid/id-1/"];
    expect(node.prefixes).toEqual(expect.arrayContaining([...role, "site/a"]));
    node.receive("Test::change");
    expect(node.prefixes).toContain("site/b");
    expect(node.prefixes).not.toContain("site/a");
    const again = node.restarted();
    expect(new Set(again.prefixes)).toEqual(new Set(node.prefixes));
    again.receive("Test::back");
    expect(again.memory.stored.settings).toEqual([]);
    expect(again.prefixes).toContain("site/a");
  });

  it("have a bound", () => {
    const answers: boolean[] = [];
    const node = nodeWith(
      (zeek) => {
        zeek.on("zeek_init", () => {
          for (let i = 0; i <= LIMITS.subscriptionsMax; i++) answers.push(zeek.subscribe(`p${i}`));
        });
      },
      { node: "", nodeId: "" },
    );
    node.turn();
    expect(answers.filter((taken) => taken).length).toBe(LIMITS.subscriptionsMax);
    expect(answers.at(-1)).toBe(false);
  });
});
