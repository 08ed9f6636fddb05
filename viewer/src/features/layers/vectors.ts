/** Signals that are the parts of one vector, and how fast a value changes. Pure. */

const PART = /^(.*?)([._]?)([xyz])$/;

/** Groups of three by what is before x, y and z: `wind.x wind.y wind.z`, `vx vy vz`. */
export function vectorsOf(signals: readonly string[]): [string, string, string][] {
  const groups = new Map<string, (string | undefined)[]>();
  for (const id of signals) {
    const match = PART.exec(id);
    if (!match) continue;
    const key = match[1] + match[2];
    const group = groups.get(key) ?? [undefined, undefined, undefined];
    group["xyz".indexOf(match[3])] = id;
    groups.set(key, group);
  }
  return [...groups.values()].filter((group): group is [string, string, string] => group.every((id) => id !== undefined));
}

/** Change a second over the newest samples that span `spanMs`; null where there are too few. Least squares. */
export function rateOf(times: readonly number[], values: readonly number[], spanMs: number): number | null {
  const last = times.length - 1;
  let first = last;
  while (first > 0 && times[last] - times[first - 1] <= spanMs) first--;
  const n = last - first + 1;
  if (n < 2 || times[last] === times[first]) return null;
  let [sumT, sumV, sumTT, sumTV] = [0, 0, 0, 0];
  for (let k = first; k <= last; k++) {
    const t = (times[k] - times[first]) / 1000;
    sumT += t;
    sumV += values[k];
    sumTT += t * t;
    sumTV += t * values[k];
  }
  const spread = n * sumTT - sumT * sumT;
  return spread > 0 ? (n * sumTV - sumT * sumV) / spread : null;
}
