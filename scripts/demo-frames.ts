/** Events that a real Zeek exchanged with WebSocket clients, from transcripts of Zeek's own tests, and their replay. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** How many events went in and came out; `unexpected` counts those that nobody sent. */
export interface Played {
  readonly sent: number;
  readonly delivered: number;
  readonly lost: number;
  readonly unexpected: number;
  readonly eventsPerSecond: number;
}

const ACK_MS = 5_000;
const DRAIN_MS = 10_000;

/** Every event in the transcripts of a folder as a `data-message`. Throws when there is none. */
export function recordedFrames(folder: string): string[] {
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith(".txt"))
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
  const frames = lines.map((line) => frameOf(line)).filter((frame) => frame !== undefined);
  if (frames.length === 0) throw new Error(`${folder} holds no frames`);
  return frames;
}

/** The frame of a transcript's line: printed whole by Python, or told as topic, name and arguments. */
function frameOf(line: string): string | undefined {
  const whole = /\{'type': 'data-message'.*\}$/.exec(line)?.[0];
  if (whole !== undefined) return JSON.stringify(JSON.parse(whole.replaceAll("'", '"')));
  if (!line.startsWith("{") || !line.includes('"event_args"')) return undefined;
  const told = JSON.parse(line) as { topic: string; event_name: string; event_args: unknown[] };
  const value = (type: string, data: unknown) => ({ "@data-type": type, data });
  const event = [value("string", told.event_name), value("vector", told.event_args)];
  const data = [value("count", 1), value("count", 1), value("vector", event)];
  return JSON.stringify({ type: "data-message", topic: told.topic, ...value("vector", data) });
}

/** Plays `frames` over and over from two sensors, `perSensor` events each, to one subscriber of everything. */
export async function playFrames(
  origin: string,
  frames: readonly string[],
  perSensor: number,
): Promise<Played> {
  const url = `${origin.replace(/^http/, "ws")}/v1/messages/json`;
  const due = new Map<string, number>();
  let delivered = 0;
  let unexpected = 0;
  const subscriber = await connect(url, [""]);
  subscriber.addEventListener("message", ({ data }) => {
    const label = labelOf(String(data));
    const left = due.get(label) ?? 0;
    if (left === 0) unexpected++;
    else due.set(label, left - 1);
    delivered++;
  });
  const sensors = [await connect(url, []), await connect(url, [])];
  const texts = Array.from({ length: perSensor }, (_, i) => frames[i % frames.length]!);
  for (const text of texts) due.set(labelOf(text), (due.get(labelOf(text)) ?? 0) + sensors.length);
  const start = performance.now();
  for (const text of texts) for (const sensor of sensors) sensor.send(text);
  const missing = () => [...due.values()].reduce((n, left) => n + left, 0);
  while (missing() > 0 && performance.now() - start < DRAIN_MS)
    await new Promise((done) => setTimeout(done, 10));
  const seconds = (performance.now() - start) / 1000;
  for (const socket of [subscriber, ...sensors]) socket.close();
  const sent = texts.length * sensors.length;
  return { sent, delivered, lost: missing(), unexpected, eventsPerSecond: Math.round(delivered / seconds) };
}

/** What an event is counted by: its topic, name and arguments. Metadata may be written in another form on the way. */
function labelOf(text: string): string {
  const message = JSON.parse(text) as { topic?: string; data?: { data?: { data?: unknown }[] }[] };
  const [name, args] = message.data?.[2]?.data ?? [];
  return JSON.stringify([message.topic, name?.data, args?.data]);
}

/** A plain client: Node's own WebSocket, its default settings, subscribed and acknowledged. */
async function connect(url: string, prefixes: readonly string[]): Promise<WebSocket> {
  const socket = new WebSocket(url);
  const ack = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${url}: no ack within ${ACK_MS} ms`)), ACK_MS);
    socket.addEventListener("open", () => socket.send(JSON.stringify(prefixes)));
    socket.addEventListener("error", () => reject(new Error(`${url}: cannot connect`)));
    socket.addEventListener(
      "message",
      ({ data }) => {
        clearTimeout(timer);
        resolve(String(data));
      },
      { once: true },
    );
  });
  const text = await ack;
  const { type } = JSON.parse(text) as { type?: string };
  if (type !== "ack") throw new Error(`${url}: expected an ack, got ${text}`);
  return socket;
}
