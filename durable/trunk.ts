/** Opens trunks: one WebSocket each from a session to an object. */
import { FabricError } from "../src/base/errors.ts";

/** The part of an object's stub that a trunk needs. */
interface TrunkTarget {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Opens a trunk to an object. Throws `unavailable` when it does not answer with a WebSocket. */
export async function openTrunk(target: TrunkTarget): Promise<WebSocket> {
  const response = await target.fetch("https://fabric/trunk", { headers: { Upgrade: "websocket" } });
  const socket = response.webSocket;
  if (socket === null) throw new FabricError("unavailable", `no trunk: status ${response.status}`);
  socket.binaryType = "arraybuffer";
  socket.accept();
  return socket;
}
