/** The next macrotask, without a timer's delay: what arrives until then travels together (design.md, decision 3). */
export const nextMacrotask: (run: () => void) => void =
  typeof setImmediate === "function" ? (run) => void setImmediate(run) : throughChannel();

/** Browsers have no setImmediate, and their timers wait for milliseconds. */
function throughChannel(): (run: () => void) => void {
  const channel = new MessageChannel();
  const queue: (() => void)[] = [];
  channel.port1.onmessage = () => queue.shift()?.();
  return (run) => {
    queue.push(run);
    channel.port2.postMessage(null);
  };
}
