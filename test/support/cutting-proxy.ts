/** A TCP relay in front of a fabric that cuts connections, chosen by a seed. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Random } from "../sim/kit/random.ts";

export class CuttingProxy {
  /** Connections cut so far. */
  cuts = 0;
  readonly #server: Server;
  readonly #random: Random;
  /** The client's end of each connection, oldest first. */
  readonly #open = new Set<Socket>();

  private constructor(server: Server, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  /** Listens on a free port of this machine, in front of the fabric at `url`. */
  static async start(url: string, random: Random): Promise<CuttingProxy> {
    const { hostname: host, port } = new URL(url);
    const server = createServer();
    const proxy = new CuttingProxy(server, random);
    server.on("connection", (client) => {
      const upstream = connect({ host, port: Number(port) });
      proxy.#open.add(client);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
      client.on("close", () => proxy.#open.delete(client));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** Cuts one of the connections, without a word to either side. */
  cutOne(): void {
    if (this.isIdle) return;
    this.cuts++;
    this.#random.pick([...this.#open]).destroy();
  }

  close(): void {
    this.#server.close();
    for (const client of this.#open) client.destroy();
  }
}
