/** Raw writes of a client, over loggers in memory. */
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseRawWrite } from "../../../src/protocol/raw-write.ts";
import { FileWrites } from "../../../src/sdk/file-writes.ts";
import { toValue } from "../../../src/sdk/values.ts";
import { LogConnection } from "../../support/log-connection.ts";

function bench(loggers: readonly string[] = ["a", "b", "c"]) {
  const port = new LogConnection(loggers);
  const files = new FileWrites(port);
  return { port: port.open(), files };
}

const textsOf = ({ taken }: LogConnection) => taken.map(({ bytes }) => Buffer.from(bytes).toString());

describe("raw writes of a client", () => {
  it("L-4 are an event and a chunk each, in the order of the calls", async () => {
    const { port, files } = bench();
    await Promise.all(["1", "22", "", "333"].map(async (text) => files.write("t", "a/b", text)));
    expect(textsOf(port)).toEqual(["1", "22", "333"]);
    expect(port.taken.every(({ stream, records }) => stream === "files/a/b" && records === 1)).toBe(true);
    const events = port.published.map(({ name, args }) => parseRawWrite({ name, args: args.map(toValue) }));
    expect(events.map((event) => event && [event.path, Buffer.from(event.data).toString()])).toEqual(
      ["1", "22", "", "333"].map((text) => ["a/b", text]),
    );
  });

  it("L-3 all writers of a file choose one logger for it, whatever the order of the loggers; files are spread", async () => {
    const [one, two] = [bench(["a", "b", "c"]), bench(["c", "a", "b"])];
    const paths = Array.from({ length: 30 }, (_, i) => `file ${i}`);
    for (const { files } of [one, two]) for (const path of paths) await files.write("t", path, "x");
    const owners = ({ port }: typeof one) => port.taken.map(({ logger }) => logger);
    expect(owners(one)).toEqual(owners(two));
    expect(new Set(owners(one))).toEqual(new Set(["a", "b", "c"]));
  });

  it("a refusal of one chunk is that chunk's alone", async () => {
    const { port, files } = bench(["a"]);
    port.refuses = ({ stream }) => (stream === "files/no" ? "forbidden" : undefined);
    const writes = ["yes", "no", "yes", "no", "yes"].map(async (path, i) => files.write("t", path, `${i}`));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(textsOf(port)).toEqual(["0", "2", "4"]);
  });

  it("without a logger are events only", async () => {
    const { port, files } = bench([]);
    await files.write("t", "a", "x");
    expect([port.published.length, port.taken]).toEqual([1, []]);
  });

  it("bounds: a chunk may fill a batch; all that waits may have the bytes of all", async () => {
    const { port, files } = bench(["a"]);
    port.status = "waiting";
    const most = new Uint8Array(LIMITS.logBatchBytesMax);
    await expect(files.write("t", "a", new Uint8Array(most.length + 1))).rejects.toMatchObject({
      code: "too_large",
    });
    const fits = LIMITS.logHeldBytesMax / most.length;
    const writes = Array.from({ length: fits }, async () => files.write("t", "a", most));
    await expect(files.write("t", "a", "x")).rejects.toMatchObject({ code: "publisher_too_fast" });
    port.open();
    await Promise.all(writes);
    expect(port.taken).toHaveLength(fits);
    await files.write("t", "a", "x");
  });

  it("what waits when the client ends is told", async () => {
    const { port, files } = bench(["a"]);
    port.refuses = () => "unavailable";
    const write = files.write("t", "a", "x");
    const refused = vi.fn();
    port.on("logRefused", refused);
    await vi.waitFor(() => expect(refused).toHaveBeenCalled());
    port.end();
    await expect(write).rejects.toMatchObject({ code: "shutting_down" });
    await files.idle();
  });
});
