/** The Worker with scripts on its nodes at the edge: what a deployment with an own src/site/scripts.ts is. */
import { count, vector, type Value } from "../../src/data/value.ts";
import { defineScript } from "../../src/script/define.ts";
import { scripts } from "../../src/site/scripts.ts";
import managerRelay from "../../examples/worker-to-workers.ts";

/** Keeps each key that it is told, and tells them all when it is asked. */
const keeper = defineScript("keeper", (zeek) => {
  zeek.on("Test::keep", (key) => zeek.state.set(String(key.value), true), { types: ["string"] });
  zeek.on("Test::keys", () => {
    const keys: Value[] = zeek.state.entries().map(([key]) => ({ type: "string", value: key }));
    zeek.publish("site/kept", "Test::kept", zeek.node, vector(keys));
  });
  zeek.on("Test::throw", () => {
    throw new Error("broken on purpose");
  });
  zeek.on(
    "Test::owner",
    (key) => void zeek.publish("site/owners", "Test::owned", key, zeek.hrwTopic("proxy", key)),
  );
  zeek.on("Test::lives", () => void zeek.publish("site/lives", "Test::life", zeek.nodeId()));
  zeek.on(
    "Test::spread",
    (first, end) => {
      for (let id = first.value; id < end.value; id++)
        zeek.publishHrw("proxy", count(id), "Pool::work", count(id));
    },
    { types: ["count", "count"] },
  );
  let ticks = 0n;
  zeek.on("Test::tick", () => {
    zeek.schedule(100, "Test::tick");
    zeek.publish("site/ticks", "Test::ticked", count(++ticks));
  });
});

Object.assign(scripts, { byType: { MANAGER: [managerRelay, keeper], PROXY: [keeper] }, withWorkers: {} });

export * from "../../src/index.ts";
export { default } from "../../src/index.ts";
