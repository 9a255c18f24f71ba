/** Calls `beat` at a fixed rate, by the clock and not by the sum of timers, until stopped. */
export function startMetronome(perSecond: number, beat: () => void): { stop(): void } {
  const start = performance.now();
  let beats = 0;
  let timer: NodeJS.Timeout;
  const next = () => {
    beat();
    beats++;
    timer = setTimeout(next, Math.max(0, start + (beats * 1000) / perSecond - performance.now()));
  };
  next();
  return { stop: () => clearTimeout(timer) };
}
