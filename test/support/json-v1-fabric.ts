/** One fabric for the tests of a file. */
import { afterAll, beforeAll } from "vitest";
import { startInProcess } from "./fabric.ts";

type Running = Awaited<ReturnType<typeof startInProcess>>;

/** Starts a fabric before the file's tests and ends it after them. The result is to be called within a test. */
export function useFabric(options: Parameters<typeof startInProcess>[0] = {}): () => Running {
  let fabric: Running | undefined;
  beforeAll(async () => {
    fabric = await startInProcess(options);
  });
  afterAll(async () => {
    await fabric?.close();
  });
  return () => {
    if (fabric === undefined) throw new Error("the fabric did not start");
    return fabric;
  };
}
