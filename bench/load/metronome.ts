/**
 * Calls `beat` at a fixed rate, by the clock and not by the sum of timers, until stopped. Timers are no finer than a
 * millisecond and may be late: `due` beats fall together then.
 */
export function startMetronome(perSecond: number, beat: (due: number) => void): { stop(): void } {
  const start = performance.now();
  let beats = 0;
  let timer: NodeJS.Timeout;
  const next = () => {
    const due = Math.floor(((performance.now() - start) * perSecond) / 1000) + 1 - beats;
    if (due > 0) beat(due);
    beats += Math.max(0, due);
    timer = setTimeout(next, Math.max(0, start + (beats * 1000) / perSecond - performance.now()));
  };
  next();
  return { stop: () => clearTimeout(timer) };
}
