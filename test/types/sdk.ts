/** Types of the SDK's surface, checked by `npm run types`: nothing here runs. */
import { expectTypeOf } from "vitest";
import {
  addr,
  connect,
  count,
  int,
  interval,
  none,
  port,
  real,
  set,
  string,
  table,
  time,
  toJs,
  vector,
  type Argument,
  type Client,
  type ClientStatus,
  type EventStream,
  type FabricError,
  type Gap,
  type Js,
  type PublishAck,
  type ReceivedEvent,
  type Subscription,
  type Value,
} from "../../src/sdk/index.ts";

declare const client: Client;

expectTypeOf(connect).returns.resolves.toEqualTypeOf<Client>();
expectTypeOf(connect).parameter(0).toEqualTypeOf<string | URL>();
expectTypeOf(connect).toBeCallableWith("http://127.0.0.1", { token: undefined, overflow: "block" });
// @ts-expect-error: no such policy
void connect("http://127.0.0.1", { overflow: "drop" });

// A handler's subscription is a promise, a stream is one at once.
expectTypeOf(client.subscribe("zeek/", () => {})).resolves.toEqualTypeOf<Subscription>();
expectTypeOf(client.subscribe("zeek/")).toEqualTypeOf<EventStream>();
expectTypeOf(client.subscribe(["a", "b"], { local: true })).toEqualTypeOf<EventStream>();
expectTypeOf<EventStream>().toExtend<AsyncIterable<ReceivedEvent>>();
expectTypeOf<EventStream>().toExtend<AsyncDisposable>();
expectTypeOf<Client>().toExtend<AsyncDisposable>();
void client.subscribe("zeek/", (event) => expectTypeOf(event).toEqualTypeOf<ReceivedEvent>());
void client.subscribe("zeek/", async (event) => {
  await Promise.resolve(event);
});

expectTypeOf(client.publish).returns.toEqualTypeOf<void>();
expectTypeOf(client.publishAcked).returns.resolves.toEqualTypeOf<PublishAck>();
expectTypeOf(client.request).returns.resolves.toEqualTypeOf<ReceivedEvent>();
expectTypeOf(client.survey).returns.toExtend<AsyncIterable<ReceivedEvent>>();
expectTypeOf(client.status).toEqualTypeOf<ClientStatus>();
expectTypeOf<ReceivedEvent["args"]>().toEqualTypeOf<readonly Value[]>();

client.on("gap", (gap) => expectTypeOf(gap).toEqualTypeOf<Gap>());
client.on("close", (error) => expectTypeOf(error).toEqualTypeOf<FabricError | undefined>());
// @ts-expect-error: no such event
client.on("gaps", () => {});

// What may be an argument: values, and JavaScript values that can mean only one. Numbers need a name.
client.publish("t", "E::x", [count(5), addr("10.0.0.1"), "text", true, null, undefined, new Date(), ["a"]]);
client.publish("t", "E::x", [new Set(["a"]), new Map([["k", int(1)]]), new Uint8Array()]);
expectTypeOf<number>().not.toExtend<Argument>();
expectTypeOf<bigint>().not.toExtend<Argument>();
// @ts-expect-error: a number may be a count, an int or a double
client.publish("t", "E::x", [5]);

expectTypeOf(toJs(count(1))).toEqualTypeOf<bigint>();
expectTypeOf(toJs(int(1))).toEqualTypeOf<bigint>();
expectTypeOf(toJs(real(1))).toEqualTypeOf<number>();
expectTypeOf(toJs(none())).toEqualTypeOf<null>();
expectTypeOf(toJs(string("a"))).toEqualTypeOf<string | Uint8Array>();
expectTypeOf(toJs(addr("::1"))).toEqualTypeOf<string>();
expectTypeOf(toJs(port(53, "udp"))).toEqualTypeOf<string>();
expectTypeOf(toJs(time(0))).toEqualTypeOf<Date>();
expectTypeOf(toJs(interval(0))).toEqualTypeOf<number>();
expectTypeOf(toJs(set([]))).toEqualTypeOf<ReadonlySet<Js>>();
expectTypeOf(toJs(table([]))).toEqualTypeOf<ReadonlyMap<Js, Js>>();
expectTypeOf(toJs(vector([]))).toEqualTypeOf<readonly Js[]>();
expectTypeOf(toJs({} as Value)).toExtend<Js>();
