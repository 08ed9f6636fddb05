/**
 * Where a benchmark hears of the steps of a tick and of a frame: "decode", "decoded", "tick", "apply",
 * "applied", "drawn". Nobody listens in a
 * page that is used. `twinstage.test.meter.step = (name) => performance.mark(name)` brings them into a trace of the browser,
 * which knows the processor time of the thread.
 */
export const meter: { step: ((name: string) => void) | null } = { step: null };
