/** The signals that ask a command to end. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Resolves at the first signal; a second one ends this process at once. */
export async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) {
      // Libraries end the process in listeners of their own, before what is held can be given free.
      process.removeAllListeners(signal);
      process.once(signal, () => resolve());
    }
  });
}
