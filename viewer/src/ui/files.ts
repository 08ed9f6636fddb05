/** Files to and from whoever sits before the page. */
import { h } from "./dom.ts";

/** Hands a file over to be saved. */
export function save(name: string, data: Blob): void {
  const url = URL.createObjectURL(data);
  const link = h("a", { href: url, download: name });
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Asks for a file and reads it as text; null where nobody chose one. */
export function pickText(accept: string): Promise<string | null> {
  const input = h("input", { type: "file", accept });
  return new Promise((resolve, reject) => {
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (!file) return resolve(null);
      if (file.size > 4_000_000) return reject(new Error("This file is larger than 4 MB."));
      file.text().then(resolve, reject);
    });
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}
