/** The text of ports: a number, `/`, a protocol (spec/websocket-json.md §8.7). */
import { FabricError } from "../base/errors.ts";
import { port, PORT_PROTOCOLS, type PortProtocol, type PortValue } from "./value.ts";

const NUMBER = /^[0-9]{1,5}$/;

/** A port from `80/tcp`. As upstream, no protocol means tcp and an unknown one `?`. Throws `invalid_data`. */
export function parsePort(text: string): PortValue {
  const slash = text.indexOf("/");
  const number = slash < 0 ? text : text.slice(0, slash);
  if (!NUMBER.test(number)) {
    throw new FabricError("invalid_data", "port: must begin with a number in 0 to 65535", {
      details: { type: "port" },
    });
  }
  return port(Number(number), slash < 0 ? "tcp" : protocol(text.slice(slash + 1)));
}

function protocol(name: string): PortProtocol {
  return PORT_PROTOCOLS.find((known) => known === name) ?? "?";
}

/** The canonical text of a port. */
export function formatPort(value: PortValue): string {
  return `${value.number}/${value.protocol}`;
}
