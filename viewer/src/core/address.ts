/** The address after `#` as key and text: `selected=/Cell/Arm&theme=light`. Pure. */

/** Written so that people can read it: paths keep their slashes. */
export function writeAddress(parts: Iterable<readonly [key: string, text: string]>): string {
  return [...parts].map(([key, text]) => `${readable(key)}=${readable(text)}`).join("&");
}

/** What `writeAddress` wrote, with or without `#`; what is no pair is left out. */
export function readAddress(hash: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const pair of hash.replace(/^#/, "").split("&")) {
    const at = pair.indexOf("=");
    if (at > 0) parts.set(plain(pair.slice(0, at)), plain(pair.slice(at + 1)));
  }
  return parts;
}

function readable(text: string): string {
  return encodeURIComponent(text).replace(/%(2F|3A|2C|5B|5D|40|3B)/g, (code) => decodeURIComponent(code));
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
