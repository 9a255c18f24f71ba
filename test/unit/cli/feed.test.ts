/** A conn.log as events of a worker. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { feed } from "../../../src/cli/feed.ts";
import type { Value } from "../../../src/data/value.ts";
import { toJs, type Argument } from "../../../src/sdk/values.ts";
import { tempDir } from "../../support/fabric.ts";

const folder = tempDir("selvedge-feed");
const HEADER =
  "#separator \\x09\n#fields\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tconn_state\n";
const line = (n: number) => `10.0.0.1\t${n}\t10.0.0.2\t53\tudp\tdns\tSF\n`;

/** A node that only counts. */
class Node {
  readonly raised: (readonly unknown[])[] = [];
  /** How many were raised at each flush. */
  readonly flushes: number[] = [];
  raise(name: string, ...args: readonly Argument[]): void {
    this.raised.push([name, ...args.map((arg) => toJs(arg as Value))]);
  }
  async flush(): Promise<void> {
    this.flushes.push(this.raised.length);
    return Promise.resolve();
  }
}

const fed = async (name: string, content: string | Buffer) => {
  const file = join(folder, name);
  writeFileSync(file, content);
  const node = new Node();
  return { node, result: await feed(node, file) };
};

test("raises Conn::summary for each connection, and counts what is none", async () => {
  const { node, result } = await fed("conn.log", `${HEADER}${line(1)}no connection\n${line(2)}`);
  expect(result).toEqual({ connections: 2, broken: 1 });
  const rest = ["10.0.0.2", "53/udp", "SF", "dns"];
  expect(node.raised).toEqual([
    ["Conn::summary", "10.0.0.1", "1/udp", ...rest],
    ["Conn::summary", "10.0.0.1", "2/udp", ...rest],
  ]);
  expect(node.flushes).toEqual([2]);
});

test("waits for what is under way every 200 connections; reads gzip", async () => {
  const lines = Array.from({ length: 401 }, (_, n) => line(n)).join("");
  const { node, result } = await fed("conn.log.gz", gzipSync(HEADER + lines));
  expect(result).toEqual({ connections: 401, broken: 0 });
  expect(node.flushes).toEqual([200, 400, 401]);
});

test("a file that is not there is an error", async () => {
  await expect(feed(new Node(), join(folder, "none.log"))).rejects.toThrow(/ENOENT/);
});
