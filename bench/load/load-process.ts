/** The bench's side of the load process. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LoadPlan, LoadResult } from "./plan.ts";

type Answer = { readonly results: readonly LoadResult[] } | { readonly error: string };

/** A load process. One plan runs at a time. */
export interface LoadProcess {
  run(plan: LoadPlan): Promise<readonly LoadResult[]>;
  close(): void;
}

/** Forks the load process. `run` rejects with the process's own stack when a client cannot connect, or when it dies. */
export function startLoadProcess(): LoadProcess {
  const child = fork(join(import.meta.dirname, "main.ts"));
  return {
    async run(plan) {
      child.send(plan);
      const ended = new AbortController();
      const died = once(child, "exit", { signal: ended.signal }).then(([code]) => {
        throw new Error(`the load process ended with ${code}`);
      });
      const answered = once(child, "message", { signal: ended.signal }) as Promise<[Answer]>;
      try {
        const [answer] = await Promise.race([answered, died]);
        if ("error" in answer) throw new Error(answer.error);
        return answer.results;
      } finally {
        ended.abort();
        await Promise.allSettled([answered, died]);
      }
    },
    close: () => child.disconnect(),
  };
}
