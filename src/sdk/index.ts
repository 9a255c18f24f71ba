/** The SDK: what a program that talks to the fabric imports. */
export { connect } from "./client.ts";
export type { Client, ClientEvents, ConnectOptions, Subscription } from "./client.ts";
export type { ReceivedEvent } from "./received-event.ts";
export type { LoggerInfo, Welcome } from "./welcome.ts";
