/** To the page where one signs in, and back to where one was: the view, the selection, what is open. */

const KEY = "twinstage.back";
/** Who comes back within this was sent in a circle [ms]. */
const CIRCLE_MS = 10_000;

interface Back {
  readonly search: string;
  readonly hash: string;
  readonly at: number;
}

/** Goes there; false where that was just tried in vain, unless somebody asked for it. */
export function signIn(asked: boolean): boolean {
  const before = read();
  if (!asked && before && Date.now() - before.at < CIRCLE_MS) return false;
  const { search, hash } = window.location;
  // In a frame of another page: the page begins anew, and asks there.
  if (document.documentElement.dataset.embed !== undefined) {
    if (asked) window.location.reload();
    return false;
  }
  try {
    window.sessionStorage.setItem(KEY, JSON.stringify({ search, hash, at: Date.now() } satisfies Back));
  } catch {
    // Without storage the way back is the page as it opens.
  }
  window.location.assign(new URL("signin", window.location.href));
  return true;
}

/** Somebody has signed in: the address is what it was before. Call it before anything reads the address. */
export function comeBack(): void {
  const back = read();
  if (!back || window.location.hash || window.location.search) return;
  try {
    window.history.replaceState(null, "", window.location.pathname + back.search + back.hash);
  } catch {
    // A page without an address of its own.
  }
}

/** The twin let this page in: the way back is done. */
export function arrived(): void {
  try {
    window.sessionStorage.removeItem(KEY);
  } catch {
    // There was none.
  }
}

function read(): Back | null {
  try {
    const text = window.sessionStorage.getItem(KEY);
    return text ? (JSON.parse(text) as Back) : null;
  } catch {
    return null;
  }
}
