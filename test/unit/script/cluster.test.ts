/** What scripts see of the cluster: roles, nodes that come and go, topics, pools. */
import { describe, expect, it } from "vitest";
import { count, string } from "../../../src/data/value.ts";
import { defineScript } from "../../../src/script/define.ts";
import { toJs } from "../../../src/sdk/values.ts";
import type { Zeek } from "../../../src/script/zeek.ts";
import { clusterOf, NODES, nodeWith, ScriptCluster } from "../../support/script-rig.ts";

describe("the node itself", () => {
  const aboutItself = (node: string): unknown[] => {
    const seen: unknown[] = [];
    nodeWith(
      (zeek) =>
        void seen.push(zeek.node, zeek.isEnabled(), zeek.localNodeType(), zeek.nodes.get(zeek.node)?.id),
      { node, nodeId: `${node} id` },
    );
    return seen;
  };

  it("[A65] [E30] [E31] knows its name and type; without a name it is no cluster, and of type NONE", () => {
    expect(aboutItself("manager")).toEqual(["manager", true, "MANAGER", "manager id"]);
    expect(aboutItself("proxy-2")).toEqual(["proxy-2", true, "PROXY", "proxy-2 id"]);
    expect(aboutItself("worker-1")).toEqual(["worker-1", true, "WORKER", "worker-1 id"]);
    expect(aboutItself("stranger")).toEqual(["stranger", true, "NONE", undefined]);
    expect(aboutItself("")).toEqual(["", false, "NONE", undefined]);
  });

  it("subscribes to its class, itself, this life, and its pools; a logger also to logs", () => {
    const cluster = clusterOf([...NODES, { name: "logger-1", nodeType: "LOGGER" }], {
      pools: [{ name: "half", nodeType: "PROXY", maxNodes: 1 }],
    });
    const prefixesOf = (node: string) => nodeWith(() => {}, { node, nodeId: "life", cluster }).prefixes;
    expect(prefixesOf("proxy-1")).toEqual([
      "zeek/cluster/proxy",
      "zeek/cluster/node/proxy-1/",
      "zeek/cluster/nodeid/life/",
      "zeek/cluster/pool/half",
      "zeek/cluster/pool/proxy",
    ]);
    expect(prefixesOf("proxy-2")).not.toContain("zeek/cluster/pool/half");
    expect(prefixesOf("logger-1")).toContain("zeek/logs/");
    expect(prefixesOf("")).toEqual([]);
  });
});

describe("nodes that come and go", () => {
  it("raise node_up and node_down locally, once for each life, and count", () => {
    const seen: unknown[] = [];
    const node = nodeWith((zeek) => {
      const note = (event: string) =>
        zeek.on(event, (name, id) => {
          seen.push([event, toJs(name), toJs(id), zeek.workerCount(), zeek.isRemoteEvent()]);
        });
      for (const event of ["Cluster::node_up", "Cluster::node_down"]) note(event);
    });
    const worker = { name: "worker-1", nodeId: "w1" };
    node.turn();
    node.engine.view(
      { life: "m", number: 1 },
      { down: [], up: [{ name: "manager", nodeId: "id-1" }, worker] },
    );
    node.turn();
    node.engine.view({ life: "m", number: 2 }, { down: [], up: [worker] });
    node.turn();
    node.engine.view({ life: "m", number: 3 }, { down: [worker], up: [{ ...worker, nodeId: "w2" }] });
    node.turn();
    node.engine.view({ life: "m", number: 4 }, { down: [worker], up: [] });
    node.turn();
    expect(seen).toEqual([
      ["Cluster::node_up", "worker-1", "w1", 1, false],
      ["Cluster::node_down", "worker-1", "w1", 1, false],
      ["Cluster::node_up", "worker-1", "w2", 1, false],
    ]);
    expect(node.published).toEqual([]);
  });

  it("are believed of a view only: an event about them asks for one", () => {
    const seen: string[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("Cluster::node_up", () => void seen.push("up"));
      zeek.on("Cluster::hello", (name) => void seen.push(`hello ${JSON.stringify(toJs(name))}`));
    });
    node.receive("Cluster::node_up", string("worker-1"), string("w1"));
    node.receive("Cluster::hello", string("worker-1"), string("w1"));
    expect(seen).toEqual(['hello "worker-1"']);
    expect(node.viewsDue).toBe(1);
  });

  it("an event that says that the layout has changed asks for it, and no handler hears it", () => {
    const heard: string[] = [];
    const node = nodeWith((zeek) => zeek.on("Cluster::layout_changed", () => void heard.push("changed")));
    node.turn();
    node.engine.receive({ name: "Cluster::layout_changed", args: [count(2)], metadata: [] });
    expect(node.engine.isPending).toBe(true);
    expect(node.turn().map(({ type }) => type)).toEqual(["layoutDue"]);
    expect([node.engine.isPending, heard]).toEqual([false, []]);
  });

  it("show in the table of nodes", () => {
    let zeek: Zeek | undefined;
    const node = nodeWith((context) => void (zeek = context));
    const idOf = (name: string) => zeek!.nodes.get(name)?.id;
    expect([idOf("worker-1"), zeek!.getActiveNodeCount("WORKER"), zeek!.getNodeCount("WORKER")]).toEqual([
      undefined,
      0,
      2,
    ]);
    node.engine.view({ life: "m", number: 1 }, { down: [], up: [{ name: "worker-1", nodeId: "w1" }] });
    expect([idOf("worker-1"), zeek!.getActiveNodeCount("WORKER"), zeek!.workerCount()]).toEqual(["w1", 1, 1]);
  });
});

describe("topics of nodes", () => {
  it("reach exactly that node, and exactly that life of it", () => {
    const got: string[] = [];
    const script = defineScript("test", (zeek) => {
      zeek.on(
        "Test::at",
        (what) => void got.push(`${zeek.nodeId()} ${String(what.type === "string" && what.value)}`),
      );
      zeek.on("Test::send", (name, id) => {
        if (name.type !== "string" || id.type !== "string") return;
        zeek.publish(zeek.nodeTopic(String(name.value)), "Test::at", "name");
        zeek.publish(zeek.nodeidTopic(String(id.value)), "Test::at", "id");
      });
    });
    const nodes = [...NODES, { name: "worker-10", nodeType: "WORKER" }];
    const cluster = new ScriptCluster([script], clusterOf(nodes));
    const send = () => {
      const args = [string("worker-1"), string("worker-1 life 1")];
      cluster.node("manager").engine.receive({ name: "Test::send", args, metadata: [] });
      cluster.settle();
      return got.splice(0);
    };
    expect(send()).toEqual(["worker-1 life 1 name", "worker-1 life 1 id"]);
    const gone = cluster.node("worker-1");
    cluster.down("worker-1");
    cluster.up("worker-1", gone);
    expect(send()).toEqual(["worker-1 life 2 name"]);
  });
});

describe("pools", () => {
  it('[A63] keys of rr_topic rotate on their own; nobody alive is ""', () => {
    let zeek: Zeek | undefined;
    const node = nodeWith((context) => void (zeek = context));
    expect(zeek!.rrTopic("proxy")).toBe("");
    const up = ["proxy-1", "proxy-2"].map((name) => ({ name, nodeId: name }));
    node.engine.view({ life: "m", number: 1 }, { down: [], up });
    const [one, two] = up.map(({ name }) => zeek!.nodeTopic(name));
    expect([zeek!.rrTopic("proxy", "a"), zeek!.rrTopic("proxy", "a"), zeek!.rrTopic("proxy", "b")]).toEqual([
      one,
      two,
      one,
    ]);
    expect([zeek!.rrTopic("proxy", "b"), zeek!.rrTopic("proxy", "a")]).toEqual([two, one]);
  });

  it("a key that is its chooser's own is handled there, as if it had come from elsewhere; elsewhere it is sent", () => {
    const got: string[] = [];
    const script = defineScript("test", (zeek) => {
      zeek.on("Test::key", (key) => {
        got.push(`${zeek.node} ${zeek.isRemoteEvent()} ${key.type === "count" ? key.value : ""}`);
      });
      zeek.on("Test::spread", () => {
        for (let i = 0; i < 20; i++) zeek.publishHrw("proxy", count(i), "Test::key", count(i));
      });
    });
    const ownersFor = (asker: string) => {
      const cluster = new ScriptCluster([script]);
      cluster.node(asker).engine.receive({ name: "Test::spread", args: [], metadata: [] });
      cluster.settle();
      return got.splice(0).toSorted();
    };
    const owners = ownersFor("worker-1");
    expect(owners.length).toBe(20);
    expect(owners.some((o) => o.startsWith("proxy-1 true"))).toBe(true);
    expect(ownersFor("proxy-1")).toEqual(owners);
    expect(ownersFor("proxy-2")).toEqual(owners);
  });

  it("publishing to a pool without a live node is false, with a warning; so is one that there is not", () => {
    const answers: boolean[] = [];
    const node = nodeWith((zeek) => {
      zeek.on("zeek_init", () => {
        answers.push(zeek.publishHrw("proxy", "k", "Test::x"), zeek.publishRr("nothing", "", "Test::x"));
      });
    });
    node.turn();
    expect(answers).toEqual([false, false]);
    expect(node.messages).toEqual(["no node of pool proxy is alive for Test::x", "there is no pool nothing"]);
  });

  it("scripts register their own, and nodes at the edge are alive from the start", () => {
    let zeek: Zeek | undefined;
    const edge = clusterOf([
      { name: "manager", nodeType: "MANAGER" },
      { name: "proxy-1", nodeType: "PROXY" },
    ]);
    nodeWith(
      (context) => {
        zeek = context;
        context.registerPool({ name: "mine", nodeType: "PROXY", maxNodes: 1 });
        expect(context.hrwTopic("mine", "k")).toBe("");
      },
      { cluster: edge },
    );
    expect(zeek!.hrwTopic("mine", "k")).toBe("zeek/cluster/node/proxy-1/");
  });
});
