/** Where an endpoint listens or is found: `ws://host:port`, `wss://host:port`, `ws+unix://path`, `inproc://name`. */
import { FabricError } from "../base/errors.ts";

export type Location =
  | { readonly scheme: "ws" | "wss"; readonly url: URL }
  | { readonly scheme: "ws+unix"; readonly path: string }
  | { readonly scheme: "inproc"; readonly name: string };

/** What URLs of fabrics begin with, which are dialled as well. */
const ALIASES: Readonly<Record<string, "ws" | "wss">> = { ws: "ws", wss: "wss", http: "ws", https: "wss" };

/** Throws `invalid_uri` for what is no location, naming the schemes. */
export function parseLocation(text: string): Location {
  const [, scheme, rest] = /^([a-z0-9+.-]+):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) refuse(text, "is no URL");
  if (rest === "") refuse(text, "names no place");
  if (scheme === "ws+unix") return { scheme, path: rest };
  if (scheme === "inproc") return { scheme, name: rest };
  const alias = ALIASES[scheme];
  if (alias === undefined) refuse(text, `has the unknown scheme '${scheme}'`);
  const url = URL.parse(text);
  if (url === null) refuse(text, "is no URL");
  return { scheme: alias, url };
}

function refuse(text: string, why: string): never {
  throw new FabricError(
    "invalid_uri",
    `'${text}' ${why}: a location is ws://host:port, wss://host:port, ws+unix://path or inproc://name`,
  );
}
