/** The widget as a guest: accessibility, hostile text, strict policies, other people's pages. */

import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { findingsBy } from "../../testing/axe.ts";
import { KEY } from "../../testing/fake-server.ts";
import { expect, test } from "./fixture.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

function findings(page: Page): Promise<string[]> {
  return findingsBy(AXE, page);
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`axe, ${colorScheme}`, () => {
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    test("finds nothing in the open widget", async ({ page, widget, server }) => {
      await widget.open();
      await widget.ask("How long does shipping take?");
      await expect(widget.log.locator(".source")).toHaveCount(2);
      await widget.ask("Do you sell horse saddles?");
      await expect(widget.log.locator(".offer")).toBeVisible();
      expect(await findings(page)).toEqual([]);
      await widget.person.click();
      await expect(widget.panel).toContainText("Waiting for a person");
      server.chat.setOwner(server.channel, "human", { kind: "user", name: "Maya" });
      server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: "Hi!" });
      server.chat.refuse = () => "validation_failed";
      await widget.ask("Hello");
      await expect(widget.log).toContainText("Not sent.");
      expect(await findings(page)).toEqual([]);
      await widget.panel.getByRole("button", { name: "End conversation" }).click();
      expect(await findings(page)).toEqual([]);
    });

    test("finds nothing on the pages", async ({ page, complaints }) => {
      for (const path of ["/", "/demo/", "/demo/help/returns.html", "/reference.html"]) {
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        if (path === "/reference.html") await page.getByText("Create a contact").click();
        expect(await findings(page), path).toEqual([]);
      }
      expect(complaints).toEqual([]);
    });
  });
}

test.describe("by keyboard", () => {
  test("it opens, is left, and closes where it began", async ({ page, widget }) => {
    await page.goto("/demo/");
    await widget.launcher.focus();
    await page.keyboard.press("Enter");
    await expect(widget.field).toBeFocused();
    await expect(widget.person).toBeEnabled();
    await page.keyboard.press("Shift+Tab");
    await expect(widget.panel.getByRole("button", { name: "End conversation" })).toBeFocused();
    await widget.field.focus();
    // Files and emoji; nothing is written, so the send button is passed over; then the launcher.
    for (const name of ["Attach files", "Add an emoji"]) {
      await page.keyboard.press("Tab");
      await expect(widget.panel.getByRole("button", { name })).toBeFocused();
    }
    await page.keyboard.press("Tab");
    await expect(widget.launcher).toBeFocused();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Escape");
    await expect(widget.panel).toBeHidden();
    await expect(widget.launcher).toBeFocused();
  });
});

test("only what is finished is read aloud", async ({ widget, agent }) => {
  await widget.open();
  const live = widget.panel.locator("[aria-live=polite]");
  agent.holdAt = 60;
  await widget.ask("How long does shipping take?");
  await expect(widget.log).toContainText("Standard shipping costs");
  await expect(live).toHaveText("");
  agent.resume();
  await expect(live).toHaveText(/^Juniper: Standard shipping costs .* e-mail\. \[2\]$/s);
  await expect(widget.log).toHaveAttribute("aria-live", "off");
});

test("whoever reads further up is left there", async ({ widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  for (let n = 0; n < 30; n += 1) {
    server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: `Line ${n}` });
  }
  await expect(widget.log).toContainText("Line 29");
  const top = () => widget.log.evaluate((log) => log.scrollTop);
  await expect.poll(top).toBeGreaterThan(200);
  await widget.log.evaluate((log) => log.scrollTo(0, 40));
  await expect.poll(top).toBe(40);
  server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: "The newest" });
  await widget.panel.getByRole("button", { name: "New messages" }).click();
  await expect.poll(top).toBeGreaterThan(200);
});

const HOSTILE = [
  "<img src=x onerror=window.pwned=1>",
  "<script>window.pwned=1</script>",
  "<svg/onload=window.pwned=1>",
  "[click](javascript:window.pwned=1)",
  "javascript:window.pwned=1",
  'https://x.test/"onmouseover="window.pwned=1',
  "http://x.test/<b>bold</b>",
  "data:text/html,<script>window.pwned=1</script>",
  "&lt;b&gt;&#60;script&#62;",
  "\u202e[1]\u0000 https://javascript:alert(1)@x.test",
];

test("hostile text is text", async ({ page, widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  for (const [n, text] of HOSTILE.entries()) {
    server.chat.say(
      server.channel,
      { kind: "agent", name: text },
      {
        text: `${text} [${n + 1}]`,
        sources: [{ n: n + 1, title: text, url: text, document_id: "d", quote: text }],
      },
    );
    await widget.ask(text);
  }
  await expect(widget.log.locator(".source")).toHaveCount(HOSTILE.length);
  const links = await widget.log
    .locator("a")
    .evaluateAll((all) => all.map((a) => new URL((a as HTMLAnchorElement).href).protocol));
  expect(new Set(links)).toEqual(new Set(["http:", "https:"]));
  const strange = await widget.log.evaluate(
    (log) => log.querySelectorAll("img, script, b, iframe, [onmouseover], [onerror]").length,
  );
  expect(strange).toBe(0);
  await expect(widget.log.locator(".mine .text").first()).toHaveText(HOSTILE[0] ?? "");
  expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
});

test.describe("on another site", () => {
  let site: Server;
  let origin: string;
  let head = "";
  let policy = "";

  test.beforeEach(async () => {
    site = createServer((_, response) => {
      response.writeHead(200, {
        "content-type": "text/html; charset=iso-8859-1",
        "content-security-policy": policy,
      });
      response.end(`<!doctype html><html lang="en"><head><title>A site</title>${head}</head>
        <body><h1>A site</h1><p>Words</p></body></html>`);
    });
    await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
    origin = `http://localhost:${(site.address() as AddressInfo).port}`;
  });

  test.afterEach(async () => {
    site.closeAllConnections();
    await new Promise((done) => site.close(done));
  });

  test("under the strictest policy it works, and is undone by shutdown", async ({
    page,
    widget,
    server,
  }) => {
    const host = server.origin;
    policy = [
      "default-src 'none'",
      `script-src ${host}`,
      `connect-src ${host} ${host.replace("http", "ws")}`,
      "require-trusted-types-for 'script'",
      "trusted-types syntera",
    ].join("; ");
    head = `<script async src="${host}/widget.js" data-key="${KEY}" data-theme="dark"></script>`;
    await page.goto(origin);
    const before = await page.evaluate(() => document.documentElement.outerHTML.length);
    await widget.launcher.click();
    await expect(widget.panel).toBeVisible();
    await widget.ask("How long does shipping take?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
    await widget.field.fill("a draft");
    const heard = await page.evaluate(() => {
      const { Syntera } = window as unknown as {
        Syntera: {
          on(name: string, listener: (event: unknown) => void): () => void;
          close(): void;
          open(): void;
          shutdown(): void;
        };
      };
      const events: string[] = [];
      Syntera.on("close", () => events.push("close"));
      Syntera.on("open", () => events.push("open"));
      Syntera.close();
      Syntera.open();
      Syntera.shutdown();
      return events;
    });
    expect(heard).toEqual(["close", "open"]);
    await expect(page.locator("syntera-widget")).toHaveCount(0);
    await expect.poll(() => server.chat.sockets).toBe(0);
    const left = await page.evaluate(() => [
      localStorage.length,
      sessionStorage.length,
      document.querySelectorAll("script").length,
      document.documentElement.outerHTML.length,
    ]);
    expect(left.slice(0, 3)).toEqual([0, 0, 1]);
    expect(left[3]).toBeLessThan(before);
  });

  test("its styles and the page's do not meet", async ({ page, widget, server }) => {
    policy = "";
    head = `<style>* { color: red !important; font-size: 40px } button, p { display: none }</style>
      <script async src="${server.origin}/widget.js" data-key="${KEY}"></script>`;
    await page.goto(origin);
    await widget.launcher.click();
    await widget.ask("How long does shipping take?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
    const text = widget.log.locator(".mine .text");
    await expect(text).toHaveCSS("font-size", "15px");
    await expect(text).toHaveCSS("color", "rgb(255, 255, 255)");
  });

  test("it can be booted by hand, elsewhere on the screen", async ({ page, widget, server }) => {
    policy = "";
    head = `<script src="${server.origin}/widget.js"></script>`;
    await page.goto(origin);
    await expect(widget.launcher).toHaveCount(0);
    await page.evaluate((key) => {
      const { Syntera } = window as unknown as { Syntera: { boot(options: object): void } };
      Syntera.boot({ key, position: "left" });
    }, KEY);
    const box = await widget.launcher.boundingBox();
    expect(box?.x).toBeLessThan(40);
    expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThanOrEqual(44);
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

  test("it fills the screen, and everything can be touched", async ({ page, widget }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    await expect(widget.panel).toHaveCSS("inline-size", "360px");
    await expect(widget.launcher).toBeHidden();
    const small = await widget.panel.getByRole("button").evaluateAll((all) =>
      all
        .filter((one) => one.getBoundingClientRect().height > 0)
        .filter((one) => {
          const { width, height } = one.getBoundingClientRect();
          return Math.min(width, height) < 44;
        })
        .map((one) => one.outerHTML),
    );
    expect(small).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(360);
    await widget.panel.getByRole("button", { name: "Close chat" }).click();
    await expect(widget.launcher).toBeVisible();
  });
});
