/** Who the visitor is: one in all tabs and over time. */

import { KEY } from "../../testing/fake-server.ts";
import { storagePrefix } from "../src/contract.ts";
import { expect, test } from "./fixture.ts";

const STORED = `${storagePrefix(KEY)}visitor`;

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

  test("locks nobody out", async ({ widget }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
  });
});
