/** Which prims are in alarm: those that signals of active alarms move or change. Pure. */
export interface AlarmLike {
  readonly active: boolean;
  readonly signal: string;
  readonly expr: string;
  readonly suppressed?: boolean;
}

const ID = /[A-Za-z_][\w.\-/]*/g;

/** Paths of prims by the signals that are bound to them. */
export function alarmedPaths(
  alarms: readonly AlarmLike[],
  bindings: Readonly<Record<string, readonly string[]>>,
): Set<string> {
  const ids = new Set<string>();
  for (const alarm of alarms) {
    if (!alarm.active) continue;
    if (alarm.signal) ids.add(alarm.signal);
    for (const [id] of alarm.expr.matchAll(ID)) ids.add(id);
  }
  const paths = new Set<string>();
  if (ids.size > 0)
    for (const [path, bound] of Object.entries(bindings)) if (bound.some((id) => ids.has(id))) paths.add(path);
  return paths;
}
