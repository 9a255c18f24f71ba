/** A plain partyserver room, as its README shows it: every message goes to everybody else in the room. */
import { routePartykitRequest, Server, type Connection, type WSMessage } from "partyserver";

export class Room extends Server {
  static override options = { hibernate: true };

  override onMessage(from: Connection, message: WSMessage): void {
    this.broadcast(message, [from.id]);
  }
}

export default {
  async fetch(request: Request, env: Cloudflare.Env): Promise<Response> {
    return (await routePartykitRequest(request, env)) ?? new Response(null, { status: 404 });
  },
};
