/**
 * How many bytes a widget makes a browser load: before the first click, by it, and with everything that
 * it may load later in one language.
 *
 *     node sizes.mjs --dist ../../web/dist
 *
 * The last line that it prints is JSON. What the first click loads is looked up in a browser, and a
 * page that asks for anything but the launcher before it is an error.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { withBrowser, withSite } from "./site.mjs";

/** A widget has loaded when nothing more is asked for within this time. */
const QUIET_MS = 1000;

const { values } = parseArgs({ options: { dist: { type: "string" } } });
const dist = values.dist;

async function sizes(files) {
  const texts = await Promise.all(files.map((file) => readFile(file)));
  const sum = (compress) => texts.reduce((bytes, text) => bytes + compress(text).length, 0);
  return { gzip: sum((text) => gzipSync(text, { level: 9 })), brotli: sum(brotliCompressSync) };
}

/** The scripts that the page has asked for by now, in order. */
async function asked(page, work) {
  const scripts = [];
  const note = (request) => {
    if (request.resourceType() === "script") scripts.push(new URL(request.url()).pathname);
  };
  page.on("request", note);
  await work();
  await page.waitForNetworkIdle({ idleTime: QUIET_MS });
  page.off("request", note);
  return scripts;
}

const [before, click] = await withSite("ours", dist, ({ url }) =>
  withBrowser(async (browser) => {
    const page = await browser.newPage();
    const loaded = await asked(page, () => page.goto(url, { waitUntil: "load" }));
    const clicked = await asked(page, () => page.locator("syntera-widget >>> button").click());
    return [loaded, clicked];
  }),
);
if (before.join() !== "/widget.js" || click.length === 0) {
  throw new Error(`before the click: ${before.join(" ")}; by it: ${click.join(" ")}`);
}

/** Languages have two letters; a visitor loads one at most, and English comes with the panel. */
const parts = (await readdir(join(dist, "widget"))).filter(
  (file) => /\.js$/.test(file) && !/^[a-z]{2}\./.test(file),
);
const all = ["widget.js", ...parts.map((file) => `widget/${file}`)];
const papercups = await withSite("papercups", dist, ({ folders }) =>
  sizes([join(folders[1], "papercups.js")]),
);
const found = {
  launcher: await sizes([join(dist, "widget.js")]),
  opened: await sizes(click.map((path) => join(dist, path))),
  all: await sizes(all.map((file) => join(dist, file))),
  papercups,
};
console.log(JSON.stringify(found));
