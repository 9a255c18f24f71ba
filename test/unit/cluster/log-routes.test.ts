/** Which way a record goes, by layout and topic. */
import { describe, expect, it } from "vitest";
import { parseLayout } from "../../../src/cluster/layout.ts";
import { loggingOf, loggingOption } from "../../../src/cluster/logging.ts";
import { ANY_LOGGER, LogRoutes, NO_LOGGERS, parseLogging } from "../../../src/cluster/log-routes.ts";

const LAYOUT = parseLayout({
  nodes: [
    { name: "manager", nodeType: "MANAGER", place: "edge" },
    { name: "logger-2", nodeType: "LOGGER", place: "remote" },
  ],
  loggers: [{ name: "logger-1" }],
});
const TOPIC = (name: string) => `zeek/cluster/node/${name}/`;

const routesOf = (input: unknown, hasLoggers = true) => {
  const routes = new LogRoutes(loggingOf(parseLayout(input)), hasLoggers);
  routes.setAlive(() => true);
  return routes;
};

describe("the way of a log record", () => {
  it("L-1 what a welcome says of the layout comes back as it was", () => {
    const logging = loggingOf(LAYOUT);
    expect(logging.nodes.map(({ name, isRemote }) => [name, isRemote])).toEqual([
      ["logger-1", false],
      ["logger-2", true],
    ]);
    expect(parseLogging(loggingOption(logging))).toEqual(logging);
  });

  it.each([undefined, null, 1, {}, { nodes: 3, prefix: 1 }, { nodes: [1, ["a"], [1, "t"]] }])(
    "a welcome that says %j is one without loggers",
    (option) => expect(parseLogging(option)).toEqual(NO_LOGGERS),
  );

  it("[A30] [A11] loggers take turns: the one at the edge gets a batch, the remote one an event at its node topic", () => {
    const routes = new LogRoutes(loggingOf(LAYOUT), true);
    routes.setAlive(() => true);
    const topics = [1, 2, 3].map(() => routes.nextTopic("Conn::LOG"));
    expect(topics).toEqual([TOPIC("logger-1"), TOPIC("logger-2"), TOPIC("logger-1")]);
    expect(topics.map((topic) => routes.routeOf(topic)).slice(0, 2)).toEqual([
      { logger: "logger-1", topic: undefined },
      { logger: undefined, topic: TOPIC("logger-2") },
    ]);
  });

  it("[A12] one that is down is left out, and takes its turns again when it is back", () => {
    const routes = new LogRoutes(loggingOf(LAYOUT), true);
    routes.setAlive(({ name }) => name === "logger-1");
    expect([1, 2].map(() => routes.nextTopic("s"))).toEqual([TOPIC("logger-1"), TOPIC("logger-1")]);
    routes.setAlive(() => true);
    expect([1, 2].map(() => routes.nextTopic("s")).toSorted()).toEqual(["logger-1", "logger-2"].map(TOPIC));
  });

  it("L-1 [A31] [B6] without a live logger it is below the log prefix, and a LogWriter stores it where there is one", () => {
    const nobody = new LogRoutes(loggingOf(LAYOUT), true);
    expect(nobody.nextTopic("Conn::LOG")).toBe("zeek/logs/Conn::LOG");
    const route = { logger: ANY_LOGGER, topic: "zeek/logs/Conn::LOG" };
    expect(nobody.routeOf("zeek/logs/Conn::LOG")).toEqual(route);
    const alone = new LogRoutes(NO_LOGGERS, false);
    expect(alone.routeOf(alone.nextTopic("s"))).toEqual({ logger: undefined, topic: "zeek/logs/s" });
  });

  it("[A10] [D4] a manager alone has the records; beside loggers it has none", () => {
    const manager = { name: "manager", nodeType: "MANAGER", place: "edge" };
    const alone = routesOf({ nodes: [manager] });
    expect([1, 2].map(() => alone.routeOf(alone.nextTopic("s")).logger)).toEqual(["manager", "manager"]);
    const beside = routesOf({ nodes: [manager], loggers: [{ name: "a" }, { name: "b" }] });
    expect([1, 2, 3].map(() => beside.routeOf(beside.nextTopic("s")).logger)).toEqual(["a", "b", "a"]);
  });

  it("[E7] without round-robin logging it is below the log prefix", () => {
    const routes = routesOf({ loggers: [{ name: "a" }], roundRobinLogging: false });
    expect(routes.nextTopic("s")).toBe("zeek/logs/s");
  });

  it("L-2 [A47] another topic is for its subscribers, and nobody stores the record", () => {
    const routes = new LogRoutes(loggingOf(LAYOUT), true);
    expect(routes.routeOf("site/logs")).toEqual({ logger: undefined, topic: "site/logs" });
  });
});
