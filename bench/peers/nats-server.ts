/** Debian's nats-server with WebSocket on loopback, without compression or TLS. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import type { Server } from "../server.ts";

const READY_WITHIN_MS = 5_000;
const POLL_MS = 25;

/** Starts it. Throws with the name of the package when it is not installed. */
export async function startNatsServer(): Promise<Server> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-nats-"));
  const [port, webSocketPort] = [await freePort(), await freePort()];
  const config = `listen: "127.0.0.1:${port}"\nwebsocket { listen: "127.0.0.1:${webSocketPort}", no_tls: true }\n`;
  await writeFile(join(dir, "nats.conf"), config);
  const child = spawn("nats-server", ["-c", join(dir, "nats.conf")], { stdio: "ignore" });
  const close = async () => {
    if (child.pid !== undefined && child.exitCode === null) {
      child.kill();
      await once(child, "exit");
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await once(child, "spawn").catch((cause: unknown) => {
      throw new Error("nats-server is missing: apt-get install nats-server", { cause });
    });
    const origin = `http://127.0.0.1:${webSocketPort}`;
    await answering(child, origin);
    return { origin, pid: child.pid!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function answering(child: ChildProcess, origin: string): Promise<void> {
  const end = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const isAnswered = await fetch(origin).then(
      () => true,
      () => false,
    );
    if (isAnswered) return;
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
    if (performance.now() > end) throw new Error(`nats-server did not answer within ${READY_WITHIN_MS} ms`);
    await sleep(POLL_MS);
  }
}
