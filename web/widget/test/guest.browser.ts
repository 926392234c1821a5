/** The widget as a guest of many pages: languages, colours, launchers, hostile words, and its undoing. */

import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Block } from "@syntera/client";
import { findingsBy } from "../../testing/axe.ts";
import { KEY } from "../../testing/fake-server.ts";
import { expect, test } from "./fixture.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const CORPUS = new URL("../../../tests/e2e/fixtures/hostile.json", import.meta.url);

/** Words that want to be more than words; the server's tests read the same list where it is there. */
const HOSTILE: string[] = existsSync(CORPUS)
  ? (JSON.parse(readFileSync(CORPUS, "utf8")) as string[])
  : ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "\u202etxt.exe"];

let site: Server;
let origin: string;
let page_ = "";
let policy = "";

test.beforeEach(async () => {
  site = createServer((_, response) => {
    const headers = policy ? { "content-security-policy": policy } : {};
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers });
    response.end(page_);
  });
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  origin = `http://localhost:${(site.address() as AddressInfo).port}`;
  policy = "";
});

test.afterEach(async () => {
  site.closeAllConnections();
  await new Promise((done) => site.close(done));
});

function html(body: string, attributes = 'lang="en"'): string {
  return `<!doctype html><html ${attributes}><head><title>A site</title></head><body><main><h1>A site</h1>${body}</main></body></html>`;
}

function embed(host: string, attributes = ""): string {
  return `<script async src="${host}/widget.js" data-key="${KEY}" ${attributes}></script>`;
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in Arabic, ${colorScheme}`, () => {
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    test("everything is mirrored, and axe finds nothing", async ({ page, widget, server }) => {
      page_ = html(embed(server.origin), 'lang="ar" dir="rtl"');
      server.about.settings = { csat: { enabled: true } };
      await page.goto(origin);
      await expect(widget.launcher).toHaveAccessibleName("فتح المحادثة");
      expect((await widget.launcher.boundingBox())?.x).toBeLessThan(40);
      await widget.launcher.click();
      await expect(widget.panel).toHaveAttribute("dir", "rtl");
      await widget.field.fill("How long does shipping take?");
      await widget.field.press("Enter");
      await expect(widget.log.locator(".source")).toHaveCount(2);
      await widget.shoot(`${colorScheme}-rtl`);
      expect(await findingsBy(AXE, page)).toEqual([]);
      server.chat.queue(server.channel, { position: 3, people_online: 1 });
      await widget.launcher.click();
      for (const text of ["1", "2", "3"]) {
        server.chat.say(server.channel, { kind: "user", name: "مايا" }, { text });
      }
      await expect(widget.launcher).toHaveAccessibleName("فتح المحادثة، 3 رسائل جديدة");
      await widget.launcher.click();
      server.chat.setOwner(server.channel, "closed", { kind: "system" });
      await expect(widget.panel.getByRole("radio", { name: "ممتازة" })).toBeVisible();
      expect(await findingsBy(AXE, page)).toEqual([]);
    });
  });
}

for (const [tag, words] of Object.entries({
  "de-AT": "Nachricht schreiben …",
  fr: "Écrivez un message…",
  es: "Escriba un mensaje…",
  "pt-BR": "Escreva uma mensagem…",
  it: "Scrivi un messaggio…",
  he: "כתיבת הודעה…",
  ja: "Write a message…",
})) {
  test(`speaks ${tag}`, async ({ page, widget, server }) => {
    page_ = html(embed(server.origin, `data-locale="${tag}"`));
    await page.goto(origin);
    await widget.launcher.click();
    await expect(widget.field).toHaveAttribute("placeholder", words);
    const languages = server.requests.filter((r) => /widget\/[a-z]{2}\./.test(r));
    expect(languages).toHaveLength(tag === "ja" ? 0 : 1);
  });
}

test("stays in English when its language cannot be loaded", async ({ page, widget, server }) => {
  page_ = html(embed(server.origin, 'data-locale="de"'));
  await page.route("**/widget/de.*.js", (route) => route.abort());
  await page.goto(origin);
  await widget.launcher.click();
  await expect(widget.field).toHaveAttribute("placeholder", "Write a message…");
});

for (const color of ["#ffe600", "#0a7", "#101010"]) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`${color}, ${colorScheme}`, () => {
      test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

      test("stays readable", async ({ page, widget, server }) => {
        page_ = html(embed(server.origin, `data-color="${color}" data-greeting="Ahoy!"`));
        await page.goto(origin);
        await widget.launcher.click();
        await widget.ask("How long does shipping take?");
        await expect(widget.log.locator(".source")).toHaveCount(2);
        await expect(widget.log).toContainText("Ahoy!");
        await widget.ask("Do you sell saddles?");
        await expect(widget.log.locator(".offer")).toBeVisible();
        expect(await findingsBy(AXE, page)).toEqual([]);
      });
    });
  }
}

test("opening the chat loads no more than it may", async ({ page, widget, server }) => {
  page_ = html(embed(server.origin));
  await page.goto(origin);
  await expect(widget.launcher).toBeVisible();
  await widget.launcher.click();
  await widget.ask("How long does shipping take?");
  await expect(widget.log.locator(".source")).toHaveCount(2);
  const files = server.requests.filter((r) => r.includes(".js")).map((r) => r.split(" /")[1] ?? "");
  expect(files).toEqual(["widget.js", expect.stringMatching(/^widget\/panel\.\w+\.js$/)]);
  const [loader = 0, panel = 0] = files.map(
    (file) => gzipSync(readFileSync(new URL(`../../dist/${file}`, import.meta.url))).length,
  );
  expect(loader).toBeLessThanOrEqual(5 * 1024);
  expect(panel).toBeLessThanOrEqual(25 * 1024);
});

test("an element of the page can open it, and gets the focus back", async ({
  page,
  widget,
  server,
}) => {
  page_ = html(
    `<button id="help">Help</button>${embed(server.origin, 'data-launcher="#help"')}
    <script>(window.Syntera ||= []).push(["on", "open", () => document.title += "!"])</script>`,
  );
  await page.goto(origin);
  await page.waitForFunction(() => !Array.isArray((window as { Syntera?: unknown }).Syntera));
  await expect(widget.launcher).toBeHidden();
  await page.getByRole("button", { name: "Help" }).click();
  await expect(widget.field).toBeFocused();
  await expect(page).toHaveTitle("A site!");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Help" })).toBeFocused();
});

test("the npm module loads it once, and makes the calls that came before", async ({
  page,
  widget,
  server,
}) => {
  const module = readFileSync(new URL("../npm/index.js", import.meta.url), "utf8");
  page_ = html("<p>Words</p>");
  await page.goto(origin);
  await page.addScriptTag({
    type: "module",
    content: `${module}
      const syntera = load("${server.origin}");
      syntera.boot({ key: "${KEY}", position: "left" });
      syntera.open();
      load("${server.origin}").on("message", () => {});`,
  });
  await expect(widget.panel).toBeVisible();
  expect(server.requests.filter((r) => r === "GET /widget.js")).toHaveLength(1);
});

test("shutdown leaves nothing of a long visit", async ({ page, widget, server }) => {
  policy = [
    "default-src 'none'",
    `script-src ${server.origin}`,
    `connect-src ${server.origin} ${server.origin.replace("http", "ws")}`,
    "require-trusted-types-for 'script'",
    "trusted-types syntera",
  ].join("; ");
  page_ = html(embed(server.origin));
  server.about.settings = { consent: { required: true, text: "Terms", version: 1 } };
  await page.goto(origin);
  await expect(widget.launcher).toBeVisible();
  const before = await page.evaluate(() => document.documentElement.outerHTML);
  await widget.launcher.click();
  await widget.panel.getByRole("button", { name: "I agree" }).click();
  await widget.ask("Do you sell saddles?");
  await widget.panel.getByRole("button", { name: "Add an emoji" }).click();
  await expect(widget.panel.getByRole("toolbar")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.locator("syntera-widget input[type=file]").setInputFiles({
    name: "a.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("x"),
  });
  await widget.field.fill("a draft");
  await widget.panel.getByRole("button", { name: "Conversations and settings" }).click();
  await widget.panel.getByRole("checkbox").check();
  await page.evaluate(() =>
    (window as unknown as { Syntera: { shutdown(): void } }).Syntera.shutdown(),
  );
  await expect.poll(() => server.chat.sockets).toBe(0);
  const left = await page.evaluate(async () => ({
    stored: [localStorage.length, sessionStorage.length, document.cookie],
    databases: (await indexedDB.databases()).length,
    html: document.documentElement.outerHTML,
  }));
  expect(left.stored).toEqual([0, 0, ""]);
  expect(left.databases).toBe(0);
  expect(left.html).toBe(before.replace(/<syntera-widget.*<\/syntera-widget>/s, ""));
});

/** The same words wherever a message can have some. */
function everywhere(text: string): Block[] {
  const span = { type: "text", text } as const;
  return [
    { type: "heading", level: 1, spans: [span] },
    { type: "paragraph", spans: [{ type: "link", href: text, spans: [span] }] },
    {
      type: "paragraph",
      spans: [
        { type: "code", text },
        { type: "strong", spans: [span] },
      ],
    },
    { type: "code", language: text, text },
    { type: "quote", blocks: [{ type: "list", items: [[{ type: "paragraph", spans: [span] }]] }] },
  ];
}

test("hostile words are words wherever they stand", async ({ page, widget, server }) => {
  test.slow();
  await page.addInitScript(() => {
    const scope = window as unknown as { pwned: number };
    scope.pwned = 0;
    window.alert =
      window.confirm =
      window.prompt =
        () => {
          scope.pwned += 1;
          return null as never;
        };
  });
  await widget.open();
  await expect(widget.person).toBeEnabled();
  for (const [n, text] of HOSTILE.entries()) {
    server.chat.say(
      server.channel,
      { kind: "user", name: text },
      {
        text,
        blocks: everywhere(text),
        quick_replies: [{ text }],
        cards: [{ title: text, text, url: text }],
        sources: [{ n: 1, title: text, url: text, quote: text }],
        attachments: [
          { id: `${n}/../../x?`, name: text, media_type: text, size: 1, thumbnail: n % 9 === 0 },
        ],
      },
    );
  }
  await expect(widget.log.locator(".theirs")).toHaveCount(HOSTILE.length);
  await expect(widget.log.locator(".tree")).toHaveCount(HOSTILE.length);
  const found = await page.evaluate(() => {
    const root = document.querySelector("syntera-widget")?.shadowRoot;
    const all = [...(root?.querySelectorAll("*") ?? [])];
    const link = (one: Element) => new URL(one.getAttribute("href") ?? "", document.baseURI);
    return {
      tags: [...new Set(all.map((one) => one.localName))],
      handlers: all.filter((one) => [...one.attributes].some(({ name }) => name.startsWith("on")))
        .length,
      sources: all.filter((one) => one.hasAttribute("src")).length,
      protocols: [
        ...new Set(all.filter((one) => one.localName === "a").map((one) => link(one).protocol)),
      ],
      pwned: (window as unknown as { pwned: number }).pwned,
    };
  });
  for (const tag of [
    "script",
    "img",
    "iframe",
    "object",
    "embed",
    "style",
    "link",
    "base",
    "math",
  ]) {
    expect(found.tags).not.toContain(tag);
  }
  expect(found.handlers).toBe(0);
  expect(found.sources).toBe(0);
  for (const protocol of found.protocols)
    expect(["http:", "https:", "mailto:"]).toContain(protocol);
  expect(found.pwned).toBe(0);
  expect(page.url()).toBe(`${server.origin}/demo/`);
});
