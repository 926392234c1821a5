/** Who the visitor is: one in all tabs and over time, and nobody after a shutdown. */

import type { Page } from "@playwright/test";
import { KEY } from "../../testing/fake-server.ts";
import { storagePrefix } from "../src/contract.ts";
import { expect, test } from "./fixture.ts";

const STORED = `${storagePrefix(KEY)}visitor`;

function secret(page: Page): Promise<string | null> {
  return page.evaluate((name) => localStorage.getItem(name), STORED);
}

test("several tabs are one visitor in one conversation", async ({ widget, context, server }) => {
  await widget.page.goto("/demo/");
  const other = await context.newPage();
  await other.goto(`${server.origin}/demo/`);
  await Promise.all([widget.launcher.click(), other.locator("syntera-widget .launcher").click()]);
  await expect(widget.person).toBeEnabled();
  await widget.ask("How long does shipping take?");
  await expect(other.getByRole("log").locator(".source")).toHaveCount(2);
  expect(server.chat.rooms.size).toBe(1);
});

test.describe("an old secret", () => {
  test.beforeEach(async ({ page }) => {
    await page.addInitScript((name) => {
      if (!localStorage.getItem(name)) localStorage.setItem(name, "from another time");
    }, STORED);
  });

  test("locks nobody out", async ({ page, widget }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    expect(await secret(page)).not.toBe("from another time");
  });

  test("is kept until there is a new one", async ({ page, widget, server }) => {
    let asked = 0;
    server.refuse = (r) => {
      if (!r.includes("/auth/visitors")) return undefined;
      asked += 1;
      return asked === 1 ? [401, "invalid_credentials"] : [503, "unavailable"];
    };
    await widget.open();
    await expect(widget.panel.getByRole("alert")).toContainText("can’t reach the chat");
    expect(await secret(page)).toBe("from another time");
  });
});

test("a refusal that is not about the secret does not cost it", async ({
  page,
  widget,
  server,
}) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  const before = await secret(page);
  server.refuse = (r) => (r.includes("/auth/visitors") ? [403, "origin_not_allowed"] : undefined);
  await page.reload();
  await widget.launcher.click();
  await expect(widget.panel.getByRole("alert")).toContainText("Chat isn’t available here");
  expect(await secret(page)).toBe(before);
  server.refuse = () => undefined;
  await widget.panel.getByRole("button", { name: "Try again" }).click();
  await expect(widget.person).toBeEnabled();
  expect(server.chat.rooms.size).toBe(1);
});

test("an answer after the shutdown brings nobody back", async ({ page, widget }) => {
  let answer = (): void => {};
  const held = new Promise<void>((done) => {
    answer = done;
  });
  await page.route("**/auth/visitors", async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest("**/auth/visitors");
  await widget.open();
  await asked;
  await page.evaluate(() => {
    (window as unknown as { Syntera: { shutdown(): void } }).Syntera.shutdown();
  });
  answer();
  // The request has the lock until its answer is dealt with.
  await page.evaluate((lock) => navigator.locks.request(lock, () => {}), STORED);
  expect(await secret(page)).toBeNull();
});
