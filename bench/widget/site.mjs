/**
 * A page with a widget in it, on a port of its own: `none`, `ours` or `papercups`. Ours is what the
 * build has made in web/dist; Papercups' is bundled here as a page would bundle it.
 */

import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".js": "text/javascript", ".html": "text/html", ".svg": "image/svg+xml" };

/** How each is embedded. What begins with `path` is its own. */
const WIDGETS = {
  none: { script: "", path: undefined },
  ours: {
    script: '<script async src="/widget.js" data-key="pk_bench"></script>',
    path: "/widget",
  },
  papercups: { script: '<script async src="/papercups.js"></script>', path: "/papercups" },
};

/** Papercups' widget and all that it needs, in one minified script. */
async function papercups(folder) {
  await build({
    absWorkingDir: here,
    entryPoints: ["papercups.js"],
    outdir: folder,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome111", "firefox113", "safari16.4"],
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    logLevel: "error",
  });
}

/** Serves the page and the scripts, compressed as they come. */
function listener(page, folders) {
  return async (request, response) => {
    const path = normalize(new URL(request.url, "http://here").pathname);
    const send = (type, open) => {
      response.writeHead(200, {
        "content-type": `${type}; charset=utf-8`,
        "content-encoding": "gzip",
        "cache-control": "max-age=3600",
      });
      const zip = createGzip();
      zip.pipe(response);
      open(zip);
    };
    if (path === "/") return send("text/html", (zip) => zip.end(page));
    for (const folder of folders) {
      const file = join(folder, path);
      const found = await stat(file).catch(() => undefined);
      const type = TYPES[extname(file)];
      if (found?.isFile() && type) return send(type, (zip) => createReadStream(file).pipe(zip));
    }
    response.writeHead(404).end();
  };
}

/** Does `work` with the page's address and what is known of the widget.
 * @template T
 * @param {"none" | "ours" | "papercups"} name
 * @param {string} dist where the build of web/ is
 * @param {(site: {url: string, path: string | undefined, folders: string[]}) => Promise<T>} work */
export async function withSite(name, dist, work) {
  const widget = WIDGETS[name];
  if (!widget) throw new Error(`no widget is called ${name}`);
  const folder = await mkdtemp(join(tmpdir(), "bench-widget-"));
  const html = await readFile(join(here, "page.html"), "utf8");
  if (name === "papercups") await papercups(folder);
  const page = html.replace("<!-- script -->", widget.script);
  const folders = [dist, folder];
  const server = createServer(listener(page, folders));
  try {
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${server.address().port}/`;
    return await work({ url, path: widget.path, folders });
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  }
}

/** Does `work` with a browser that reaches nothing but this machine.
 * @template T
 * @param {(browser: import("puppeteer-core").Browser) => Promise<T>} work */
export async function withBrowser(work) {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}
