/** Which address a frame gets. Pure. */

const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The page for frames of a twin, from the address of its page; what comes after `#` stays: a copied link restores the view. */
export function pageOf(src: string, panels: string, theme: string | null, base: string): URL {
  const url = new URL(src, base);
  if (!/^https?:$/.test(url.protocol)) throw new Error(`${url.protocol} is no address of a twin`);
  if (!url.pathname.endsWith("/embed")) url.pathname = url.pathname.replace(/[^/]*$/, "embed");
  if (panels) url.searchParams.set("panels", panels.trim().replace(/[\s,]+/g, ","));
  if (theme && !/(^#|&)theme=/.test(url.hash)) url.hash += `${url.hash.length > 1 ? "&" : ""}theme=${theme}`;
  return url;
}

/** Where a notebook's browser reaches a port of the kernel's machine: itself, or through the notebook server's proxy. */
export function addressOf(port: number, template: string, page: { readonly hostname: string; readonly href: string }, base: string): string {
  if (template) return new URL(template.replaceAll("{port}", String(port)), page.href).href;
  if (LOCAL.test(page.hostname)) return `http://127.0.0.1:${port}/`;
  return new URL(`${base}proxy/${port}/`, page.href).href;
}
