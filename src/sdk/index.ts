/** The SDK: what a program that talks to the fabric, or to a Zeek, imports. */
export { FabricError, type ErrorCode } from "../base/errors.ts";
export {
  count,
  enumValue,
  none,
  real,
  string,
  type PortProtocol,
  type TableEntry,
  type Value,
  type ValueType,
} from "../data/value.ts";
export type { EventMetadata } from "../protocol/event.ts";
export type { Gap, GapReason, Position } from "../protocol/frame.ts";
export type { Overflow } from "../protocol/overflow.ts";
export { connect } from "./connect.ts";
export type { Client } from "./client.ts";
export type { PublishMeans } from "./client-engine.ts";
export type { ClientEvents } from "./client-events.ts";
export type { ConnectOptions } from "./connect-options.ts";
export type { ClientStatus } from "./connector.ts";
export type { EventStream } from "./event-stream.ts";
export type { FileWrites } from "./file-writes.ts";
export type { EventHandler } from "./handler-subscriber.ts";
export type { History } from "./history.ts";
export type { LogStream, LogStreamOptions, LogStreams } from "./log-streams.ts";
export type { PoolAck, PoolPublishing } from "./pool-publishing.ts";
export type { PublishAck, PublishOptions } from "./publish-waiters.ts";
export type { ReceivedEvent } from "./received-event.ts";
export type { RequestOptions, SurveyOptions } from "./replies.ts";
export type { Transport } from "./socket.ts";
export type { SubscribeOptions, Subscription } from "./subscriptions.ts";
export {
  addr,
  bool,
  int,
  interval,
  port,
  set,
  subnet,
  table,
  time,
  toJs,
  toValue,
  vector,
  type Argument,
  type Js,
  type JsArgument,
  type JsByType,
} from "./values.ts";
export type { LogRecord } from "../script/log-line.ts";
export type { LogTopic } from "../cluster/log-topic.ts";
export type { LoggerInfo, Welcome } from "./welcome.ts";
