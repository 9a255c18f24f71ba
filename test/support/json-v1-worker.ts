/** What a Zeek worker is to the cluster, as a client of Zeek's WebSocket API: it publishes what it has seen. */
import { JsonClient } from "./json-v1-client.ts";
import { event, string, value, vector } from "./json-v1-event.ts";

/** The part of a conn.log record that counts here. */
export interface Conn {
  readonly "id.orig_h": string;
  readonly "id.orig_p": number;
  readonly "id.resp_h": string;
  readonly "id.resp_p": number;
  readonly proto: string;
  readonly conn_state?: string;
  readonly service?: string;
}

const ESTABLISHED = ["S1", "S2", "S3", "SF", "RSTO", "RSTR"];
const FAILED = ["S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"];
export const isEstablished = ({ conn_state: state }: Conn) => ESTABLISHED.includes(state ?? "");
export const isFailed = ({ conn_state: state }: Conn) => FAILED.includes(state ?? "");
export const portOf = (conn: Conn) => `${conn["id.resp_p"]}/${conn.proto}`;
/** The key of the service that a connection has used; undefined when it has none. */
export const serviceOf = (conn: Conn) =>
  (conn.service ?? "") === "" ? undefined : `${conn["id.resp_h"]} ${portOf(conn)}`;

const POOL = "selvedge/pool/proxy/hrw";
/** Messages that are sent before a ping must come back. */
const AT_ONCE = 50;
const address = (text: string) => value("address", JSON.stringify(text));
const port = (text: string) => value("port", JSON.stringify(text));

export class JsonWorker {
  readonly #client: JsonClient;
  readonly #known = new Set<string>();
  #sent = 0;

  private constructor(client: JsonClient) {
    this.#client = client;
    void this.#listen();
  }

  static async start(url: string, name: string, token: string): Promise<JsonWorker> {
    const headers = { Authorization: `Bearer ${token}` };
    const prefixes = ["zeek/cluster/worker", `zeek/cluster/node/${name}/`];
    return new JsonWorker(await JsonClient.subscribed(url, prefixes, { headers }));
  }

  /** Publishes what a worker would of each connection. */
  async feed(conns: readonly Conn[]): Promise<void> {
    for (const conn of conns) {
      const [from, to] = [conn["id.orig_h"], conn["id.resp_h"]];
      if (isEstablished(conn)) {
        for (const host of [from, to]) await this.#found("Known::host_found", host, address(host));
        const service = serviceOf(conn);
        const thing = vector(address(to), port(portOf(conn)), string(conn.service ?? ""));
        if (service !== undefined) await this.#found("Known::service_found", service, thing);
      }
      const attempt = [address(from), address(to), port(portOf(conn))];
      if (isFailed(conn)) await this.#publish("Scan::attempt", attempt);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #found(name: string, key: string, thing: string): Promise<void> {
    if (!this.#known.has(key)) await this.#publish(name, [string(key), thing]);
  }

  async #publish(name: string, args: readonly string[]): Promise<void> {
    this.#client.send(event(POOL, name, args));
    if (++this.#sent % AT_ONCE === 0) await this.#client.ping(String(this.#sent));
  }

  async #listen(): Promise<void> {
    for (;;) {
      const text = await this.#client.next().catch((error: Error) => error);
      if (typeof text !== "string" && /connection ended/.test(text.message)) return;
      if (typeof text !== "string") continue;
      const message = JSON.parse(text) as { data: { data: { data: unknown }[] }[] };
      const [name, args] = message.data[2]!.data as unknown as [
        { data: string },
        { data: { data: unknown }[] },
      ];
      if (!/^Known::(hosts|services)_add$/.test(name.data)) continue;
      const things = args.data[0]!.data as { data: { data: string }[] }[];
      for (const { data: entry } of things) this.#known.add(entry[0]!.data);
    }
  }
}
