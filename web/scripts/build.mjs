/**
 * Builds everything that the gateway serves into dist/:
 *
 *     widget.js, widget/panel.<hash>.js     the loader, and what it loads on the first click
 *     widget/<part>.<hash>.js               what the panel loads where it is used, a language each too
 *     index.html, reference.html, demo/…    the pages, with hashed scripts and styles in assets/
 *     inbox.html                            where people of the company answer
 *     account/<page>.html                   registering, signing in, one's account, the team
 *     demo/help/<slug>.html, *.md           the shop's help pages, and the texts they are made from
 *     demo/help/index.json                  [{slug, title, file}], which the seed command reads
 *     errors/<code>.html                    the page of each error code, from docs/errors
 *
 * Beside each text lies the same as .gz, for servers that send it so.
 *
 * No file has an inline script or style, so a policy of `default-src 'self'` holds for all of them.
 */

import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { marked } from "marked";
import { helpPages } from "./help.mjs";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(web, "dist");

/** What a browser must be able to do: all evergreen ones since early 2023. */
const TARGET = ["chrome111", "firefox113", "safari16.4"];

/** Style sheets for shadow roots, as their minified text. */
const cssText = {
  name: "css-text",
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const css = await readFile(path, "utf8");
      const { code } = await esbuild.transform(css, { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

/** @type {esbuild.BuildOptions} */
const common = {
  absWorkingDir: web,
  bundle: true,
  minify: true,
  charset: "utf8",
  target: TARGET,
  outdir: dist,
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
};

/** The one output of a build that is no source map, relative to dist.
 * @param {esbuild.BuildResult<{metafile: true}>} result */
function outputOf(result) {
  const file = Object.keys(result.metafile.outputs).find((name) => name.endsWith(".js"));
  if (!file) throw new Error("the build made no script");
  return file.replace(/^dist\//, "");
}

/** A part of the panel takes what it needs of Preact from the panel: widget/src/panel/kit.ts. */
const fromKit = {
  name: "from-kit",
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onResolve({ filter: /^preact(\/(hooks|jsx-runtime))?$/ }, () => ({
      path: "kit",
      namespace: "kit",
    }));
    build.onLoad({ filter: /.*/, namespace: "kit" }, async () => {
      const kit = await readFile(join(web, "widget/src/panel/kit.ts"), "utf8");
      const names = /export const kit = \{([^}]*)\}/.exec(kit)?.[1];
      if (!names) throw new Error("kit.ts has no kit");
      return { contents: `export const {${names}} = document.currentScript.syntera;` };
    });
  },
};

/** The panel's file and those of its parts by name, relative to dist. */
async function buildWidget() {
  /** A page in another encoding reads the widget's files in its own: nothing but ASCII is safe. */
  const ascii = {
    ...common,
    charset: /** @type {const} */ ("ascii"),
    format: /** @type {const} */ ("iife"),
    jsx: /** @type {const} */ ("automatic"),
    jsxImportSource: "preact",
    entryNames: "widget/[name].[hash]",
  };
  const files = await readdir(join(web, "widget/src/parts"));
  const sources = files.filter((file) => /\.tsx?$/.test(file) && file !== "part.ts");
  /** @type {Record<string, string>} */
  const parts = {};
  await Promise.all(
    sources.map(async (file) => {
      const name = file.replace(/\.tsx?$/, "");
      const built = await esbuild.build({
        ...ascii,
        metafile: true,
        entryPoints: { [name]: `widget/src/parts/${file}` },
        plugins: [fromKit, cssText],
      });
      parts[name] = outputOf(built);
    }),
  );
  const draw = "./widget/src/draw.ts";
  const panel = await esbuild.build({
    ...ascii,
    metafile: true,
    entryPoints: { panel: "widget/src/panel/index.tsx" },
    plugins: [cssText],
    alias: { preact: draw, "preact/hooks": draw, "preact/jsx-runtime": draw },
    define: { PART_FILES: JSON.stringify(Object.fromEntries(Object.entries(parts).sort())) },
  });
  const panelFile = outputOf(panel);
  await esbuild.build({
    ...ascii,
    entryNames: "[name]",
    entryPoints: { widget: "widget/src/loader/index.ts" },
    plugins: [cssText],
    define: { PANEL_FILE: JSON.stringify(panelFile) },
  });
  return { panelFile, parts };
}

/** What the account pages are made of, beside each one's own part. */
const ACCOUNT = join(web, "site/account");
const SHARED = ["layout.html", "signed-in.html"];

/** The names of the account pages. */
async function accountPages() {
  const files = await readdir(ACCOUNT);
  return files
    .filter((file) => file.endsWith(".html") && !SHARED.includes(file))
    .map((file) => basename(file, ".html"));
}

/** @param {string[]} pages @param {(html: string) => string} filled */
async function writeAccountPages(pages, filled) {
  const read = (/** @type {string} */ file) => readFile(join(ACCOUNT, file), "utf8");
  const [layout = "", signedIn = ""] = await Promise.all(SHARED.map(read));
  await mkdir(join(dist, "account"), { recursive: true });
  for (const page of pages) {
    const main = (await read(`${page}.html`)).replace("<!-- signed-in -->", signedIn);
    const title = /<h1>(.*)<\/h1>/.exec(main)?.[1];
    if (!title) throw new Error(`account/${page}.html has no heading`);
    const html = layout
      .replace("<!-- title -->", title)
      .replace("<!-- script -->", `{{account-${page}.js}}`)
      .replace("<!-- main -->", () => main);
    await writeFile(join(dist, `account/${page}.html`), filled(html));
  }
}

/** Builds the pages' scripts and styles and writes the pages with the hashed names in them. */
async function buildPages() {
  const account = await accountPages();
  const built = await esbuild.build({
    ...common,
    metafile: true,
    entryPoints: {
      start: "site/start.ts",
      "start-style": "site/start.css",
      reference: "site/reference.ts",
      "reference-style": "site/reference.css",
      inbox: "site/inbox/inbox.ts",
      "inbox-style": "site/inbox/inbox.css",
      demo: "demo/demo.ts",
      "demo-style": "demo/demo.css",
      ...Object.fromEntries(account.map((page) => [`account-${page}`, `site/account/${page}.ts`])),
      "account-style": "site/account/account.css",
    },
    entryNames: "assets/[name].[hash]",
    assetNames: "assets/[name].[hash]",
    format: "esm",
    loader: { ".svg": "file" },
  });
  /** @type {Record<string, string>} */
  const names = {};
  for (const file of Object.keys(built.metafile.outputs)) {
    const [, name, kind] = /assets\/([\w-]+)\.\w+\.(js|css)$/.exec(file) ?? [];
    if (name && kind) names[`${name}.${kind}`] = `/${file.replace(/^dist\//, "")}`;
  }
  /** Puts the hashed names in for `{{name}}`. @param {string} html */
  const filled = (html) =>
    html.replace(/\{\{([\w.-]+)\}\}/g, (_, name) => {
      if (!names[name]) throw new Error(`no asset is called ${name}`);
      return names[name];
    });
  const pages = [
    ["site/start.html", "index.html"],
    ["site/reference.html", "reference.html"],
    ["site/inbox/inbox.html", "inbox.html"],
  ];
  for (const [from, to] of pages) {
    await writeFile(join(dist, to ?? ""), filled(await readFile(join(web, from ?? ""), "utf8")));
  }
  await cp(join(web, "site/icon.svg"), join(dist, "icon.svg"));
  await writeAccountPages(account, filled);
  await mkdir(join(dist, "demo/help"), { recursive: true });
  await cp(join(web, "demo/images"), join(dist, "demo/images"), { recursive: true });
  const help = await helpPages(join(web, "demo/help"));
  const layout = filled(await readFile(join(web, "demo/layout.html"), "utf8"));
  const put = (/** @type {Record<string, string>} */ slots) =>
    layout.replace(/<!-- (\w+) -->/g, (_, name) => slots[name] ?? "");
  const links = help.map((p) => `<li><a href="/demo/help/${p.slug}.html">${p.title}</a></li>`);
  const shop = await readFile(join(web, "demo/shop.html"), "utf8");
  await writeFile(
    join(dist, "demo/index.html"),
    put({
      title: "Juniper &amp; Pine · Gear for long weekends",
      main: shop.replace("<!-- help -->", links.join("\n")),
    }),
  );
  for (const page of help) {
    const others = help
      .filter((other) => other !== page)
      .map((other) => `<li><a href="/demo/help/${other.slug}.html">${other.title}</a></li>`);
    const main = `<div class="help-page"><article>
<p class="crumbs"><a href="/demo/#help">Help</a></p>
<h1>${page.title}</h1>
${page.html}</article>
<nav aria-label="Other help pages"><h2>More help</h2><ul>${others.join("\n")}</ul></nav></div>`;
    await writeFile(
      join(dist, `demo/help/${page.slug}.html`),
      put({ title: `${page.title} · Juniper &amp; Pine`, main }),
    );
    await cp(join(web, "demo/help", page.file), join(dist, "demo/help", page.file));
  }
  const index = help.map(({ slug, title, file }) => ({ slug, title, file }));
  await writeFile(join(dist, "demo/help/index.json"), `${JSON.stringify(index, null, 2)}\n`);
  return filled;
}

/** The pages that the `type` of a problem document points at. */
async function buildErrorPages() {
  const from = join(web, "../docs/errors");
  const layout = await readFile(join(web, "site/error.html"), "utf8");
  await mkdir(join(dist, "errors"), { recursive: true });
  for (const file of await readdir(from)) {
    const code = file.replace(/\.md$/, "");
    if (code === file || code === "README") continue;
    const html = await marked.parse(await readFile(join(from, file), "utf8"));
    const page = styled(layout.replaceAll("{{code}}", code).replace("{{body}}", "<!-- body -->"));
    await writeFile(
      join(dist, `errors/${code}.html`),
      page.replace("<!-- body -->", () => html),
    );
  }
}

async function compress() {
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.(html|js|css|svg|json|md)$/.test(file)) continue;
    await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
  }
}

/** What a browser downloads, in the way it is sent. @param {string} file */
async function gzipped(file) {
  return gzipSync(await readFile(join(dist, file)), { level: 9 }).length;
}

/** The promises of the widget; a build that breaks them fails. */
const LIMITS = { loader: 5 * 1024, panel: 25 * 1024 };

await rm(dist, { recursive: true, force: true });
const { panelFile, parts } = await buildWidget();
const styled = await buildPages();
await buildErrorPages();
await compress();
const loader = await gzipped("widget.js");
const panel = await gzipped(panelFile);
console.log(`widget.js ${loader} bytes gzip (at most ${LIMITS.loader})`);
console.log(`${basename(panelFile)} ${panel} bytes gzip (at most ${LIMITS.panel})`);
for (const [name, file] of Object.entries(parts).sort()) {
  console.log(`  and for ${name} ${await gzipped(file)}`);
}
console.log(`${(await readdir(dist, { recursive: true })).length} files in dist`);
if (loader > LIMITS.loader || panel > LIMITS.panel) {
  console.error("the widget has grown past its limits");
  process.exitCode = 1;
}
