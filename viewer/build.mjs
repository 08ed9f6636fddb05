// Builds dist/ (the bundle that ships in the wheel) or, with --tests, the node unit tests into build/test.
//
// The output depends on nothing but the sources and the locked packages: no paths, no times, no source maps.
// `--out DIR` writes the bundle somewhere else, so that a test can compare it with the committed one.
import { build } from "esbuild";
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const shared = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  logLevel: "warning",
};

async function bundle(out) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await build({
    ...shared,
    entryPoints: { app: "src/main.ts", datasets: "src/datasets/page.ts", preview: "src/preview/page.ts", style: "src/style.css" },
    outdir: out,
    minify: true,
    legalComments: "none",
    banner: { js: "/*! Twinstage viewer, Apache-2.0. Contains three.js and uPlot, MIT: see *.LICENSE.txt. */" },
  });
  // For pages of others: the web component, and the view in a notebook (docs/embedding.md).
  await build({
    ...shared,
    entryPoints: { "twin-view": "src/embed/twin-view.ts", notebook: "src/embed/notebook.ts" },
    outdir: join(out, "embed"),
    minify: true,
    banner: { js: "/*! Twinstage, Apache-2.0 */" },
  });
  for (const page of ["index.html", "datasets.html", "preview.html"]) await cp(join(root, "src", page), join(out, page));
  for (const name of ["three", "uplot"])
    await cp(join(root, `node_modules/${name}/LICENSE`), join(out, `${name}.LICENSE.txt`));
  // The JavaScript client and its example, so that a twin serves them as /client/.
  await mkdir(join(out, "client"));
  for (const name of ["twin.js", "example.js", "example.html"])
    await cp(join(root, "../clients/js", name), join(out, "client", name));
}

async function tests() {
  const out = join(root, "build/test");
  await rm(out, { recursive: true, force: true });
  const entries = (await readdir(join(root, "test"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: entries.map((name) => `test/${name}`),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    define: { VIEWER_ROOT: JSON.stringify(root) },
  });
}

const args = process.argv.slice(2);
if (args.includes("--tests")) await tests();
else await bundle(resolve(root, args.includes("--out") ? args[args.indexOf("--out") + 1] : "dist"));
