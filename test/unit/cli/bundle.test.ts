import { expect, test } from "vitest";
import { readWorkerConfig } from "../../../src/cli/bundle.ts";

test("wrangler.toml tells the local runtime what is deployed", async () => {
  const config = await readWorkerConfig();
  expect(config.main).toBe("src/index.ts");
  expect(config.compatibilityFlags).toContain("no_web_socket_compression");
  for (const { className } of config.objects) expect(config.sqliteClasses).toContain(className);
  expect(config.buckets).toEqual([{ binding: "LOGS", bucket: "selvedge-logs" }]);
});
