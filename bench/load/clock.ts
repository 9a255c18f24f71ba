/** The load process's clock: microseconds since it started. All clients of a run live in one process. */
export function nowUs(): number {
  return Math.round(performance.now() * 1000);
}
