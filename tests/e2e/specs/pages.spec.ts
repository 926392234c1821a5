/** The pages that the gateway serves: they load, they say what they should, axe finds nothing. */

import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { demo } from "../src/api.ts";
import { findings } from "../src/axe.ts";

const ERRORS = new URL("../../../docs/errors/", import.meta.url);

let complaints: string[];

test.beforeEach(({ page }) => {
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});

test.afterEach(() => {
  expect(complaints).toEqual([]);
});

test("the start page shows the way and the demo's login", async ({ page }) => {
  const { login } = await demo();
  await page.goto("/");
  await expect(page.locator("#email")).toHaveText(login.email);
  await expect(page.locator("#password")).toHaveText(login.password);
  expect(await findings(page)).toEqual([]);
  await page.getByRole("link", { name: "Talk to the agent" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Gear for long weekends");
});

test("the demo shop has its widget and its help pages", async ({ page }) => {
  await page.goto("/demo/");
  await expect(page.getByRole("button", { name: "Open chat" })).toBeVisible();
  expect(await findings(page)).toEqual([]);
  await page.getByRole("link", { name: "Shipping and delivery" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Shipping and delivery");
  await expect(page.getByRole("button", { name: "Open chat" })).toBeVisible();
  expect(await findings(page)).toEqual([]);
});

test("the API reference lists every operation and finds one", async ({ page, request }) => {
  const document = await (await request.get("/api/v1/openapi.json")).json();
  const operations = Object.values(document.paths as Record<string, object>)
    .flatMap((item) => Object.keys(item))
    .filter((name) => ["get", "post", "put", "patch", "delete"].includes(name)).length;
  expect(operations).toBeGreaterThan(20);
  await page.goto("/reference.html");
  await expect(page.getByRole("status")).toHaveText(`${operations} of ${operations} operations`);
  await page.getByLabel("Find an operation").fill("post contacts");
  const found = page.locator("details:not([hidden]) summary");
  await expect(found.first()).toContainText("/contacts");
  await found.first().click();
  const operation = page.locator("#create_contact");
  await expect(operation.getByRole("heading", { name: "Body", exact: true })).toBeVisible();
  expect(await findings(page)).toEqual([]);
});

test("each error code has its page", async ({ page }) => {
  const codes = (await readdir(ERRORS)).map((file) => file.replace(/\.md$/, ""));
  expect(codes.length).toBeGreaterThan(20);
  for (const code of codes) {
    const answer = await page.goto(`/errors/${code}`);
    expect(answer?.status(), code).toBe(200);
    const [title] = (await readFile(new URL(`${code}.md`, ERRORS), "utf8")).split("\n");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title?.slice(2) ?? "");
    await expect(page.locator("main")).toContainText(code);
  }
});

test("a problem points at the page of its code", async ({ page, request }) => {
  const problem = await (await request.get("/api/v1/nothing/here")).json();
  expect(problem.code).toBe("not_found");
  await page.goto(problem.type);
  await expect(page.locator("main")).toContainText("not_found");
});
