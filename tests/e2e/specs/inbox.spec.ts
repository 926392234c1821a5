/**
 * A visitor and somebody of the company, each in a browser: a person is asked for and takes over,
 * colleagues write notes that the visitor never sees, files go both ways, and the conversation sleeps and
 * wakes.
 */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { call, demo, demoToken, must } from "../src/api.ts";
import { findings } from "../src/axe.ts";

/** A red picture of 4 by 4 pixels. */
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR4nGM8oaHBAANMDEgANwcAOFQBICTvemsAAAAASUVORK5CYII=",
  "base64",
);

async function elsewhere(browser: Browser): Promise<Page> {
  return (await browser.newContext()).newPage();
}

async function signIn(page: Page): Promise<void> {
  const { email, password } = (await demo()).login;
  await page.goto("/account/sign-in?return_to=/inbox");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Inbox" })).toBeVisible();
}

test("from asking for a person to labels", async ({ browser, page }) => {
  test.setTimeout(240_000);
  page.setDefaultTimeout(15_000);
  const token = await demoToken();
  const operator = await elsewhere(browser);
  await signIn(operator);
  let channel = "";
  page.on("response", async (response) => {
    if (/\/agents\/[^/]+\/start$/.test(response.url()) && response.request().method() === "POST") {
      channel = (await response.json()).channel_id;
    }
  });
  await page.goto("/demo/");
  await page.getByRole("button", { name: "Open chat" }).click();
  const panel = page.getByRole("dialog");
  const log = page.getByRole("log");
  const field = panel.getByRole("textbox");
  const say = async (text: string): Promise<void> => {
    await field.fill(text);
    await field.press("Enter");
  };
  const entries = operator.getByRole("list", { name: "Conversation" });
  const reply = async (text: string, kind: "Reply" | "Note"): Promise<void> => {
    await operator.getByLabel(kind, { exact: kind === "Reply" }).check();
    await operator.getByLabel("Text", { exact: true }).fill(text);
    await operator.getByRole("button", { name: "Send", exact: true }).click();
  };

  await test.step("the conversation comes into the inbox by itself", async () => {
    await say("How much does standard shipping cost?");
    await expect(log).toContainText("$6.95");
    expect(channel).not.toBe("");
    const row = operator.locator(`[data-channel="${channel}"]`);
    await expect(row).toBeVisible();
    await expect(row).toContainText("AI");
    await page.locator(".bar").getByRole("button", { name: "Talk to a person" }).click();
    await expect(panel).toContainText("Waiting for a person");
    await expect(row).toContainText("wants a person");
    await row.click();
    await expect(entries).toContainText("How much does standard shipping cost?");
    await expect(entries).toContainText("A person is wanted.");
    expect(await findings(operator)).toEqual([]);
  });

  await test.step("a person takes over and is heard", async () => {
    await operator.getByRole("button", { name: "Take over" }).click();
    await expect(entries).toContainText("Taken over by you.");
    await reply("I am here. **What** can I do?", "Reply");
    await expect(log).toContainText("I am here.");
    await expect(log.locator("strong", { hasText: "What" })).toBeVisible();
    await say("I want to <img src=x onerror=alert(1)> send something back");
    await expect(entries).toContainText("<img src=x onerror=alert(1)>");
  });

  await test.step("a note is for colleagues only", async () => {
    await reply("The customer is angry.", "Note");
    await expect(entries.locator(".note")).toContainText("The customer is angry.");
    await reply("Which order is it?", "Reply");
    await expect(log).toContainText("Which order is it?");
    await expect(page.locator("body")).not.toContainText("angry");
    await page.reload();
    await page.getByRole("button", { name: "Open chat" }).click();
    await expect(log).toContainText("Which order is it?");
    await expect(log).not.toContainText("angry");
  });

  await test.step("files go both ways", async () => {
    const files = [{ name: "box.png", mimeType: "image/png", buffer: PICTURE }];
    await operator.locator("#file").setInputFiles(files);
    await expect(operator.locator("#files")).toContainText("box.png");
    await reply("This is the box.", "Reply");
    await expect(log.locator("canvas")).toBeVisible();
    const text = [{ name: "order.txt", mimeType: "text/plain", buffer: Buffer.from("No. 17") }];
    const chosen = page.waitForEvent("filechooser");
    await panel.getByRole("button", { name: "Attach files" }).click();
    await (await chosen).setFiles(text);
    await expect(panel).toContainText("order.txt");
    await say("This is the order.");
    const link = entries.getByRole("link", { name: /order\.txt/ });
    await expect(link).toBeVisible();
    const file = await operator.request.get((await link.getAttribute("href")) ?? "");
    expect(await file.text()).toBe("No. 17");
  });

  await test.step("it sleeps until the visitor writes", async () => {
    await operator.getByLabel("Sleep").selectOption("For a day");
    await expect(operator.locator("#snoozed")).toContainText("Asleep until");
    await expect(entries).toContainText("Asleep until");
    await say("One more thing.");
    await expect(entries).toContainText("Awake again.");
    await expect(operator.locator("#snoozed")).toHaveText("");
  });

  await test.step("labels are kept, and the note is in the log of the company", async () => {
    await operator.getByLabel(/^Labels/).fill("return, angry customer");
    await operator.getByRole("button", { name: "Save labels" }).click();
    await expect(entries).toContainText("Labels: angry customer, return.");
    const kept = await must("GET", `/channels/${channel}`, { token });
    expect(kept.labels).toEqual(["angry customer", "return"]);
    const all = await call("GET", `/messages/${channel}?after_seq=0&limit=100`, { token });
    expect(all.body.items.some((entry: { kind: string }) => entry.kind === "note")).toBe(true);
  });

  await test.step("it presses, ends, and is rated", async () => {
    await operator.getByLabel("Priority", { exact: true }).selectOption("urgent");
    await expect(entries).toContainText("Priority: urgent.");
    await operator.getByRole("button", { name: "Close", exact: true }).click();
    await expect(entries).toContainText("The conversation ended.");
    await panel.getByRole("radio", { name: "Great", exact: true }).check({ force: true });
    await panel.getByLabel("What could be better?").fill("Quick and kind");
    await panel.getByRole("button", { name: "Send", exact: true }).click();
    await expect(operator.locator("#rating")).toHaveText("Rated 5 of 5.");
    await expect(entries).toContainText("Rated 5 of 5: Quick and kind");
  });

  await test.step("it is opened again, and the AI answers again", async () => {
    await operator.getByRole("button", { name: "Open again" }).click();
    await operator.getByRole("button", { name: "Hand back to the AI" }).click();
    await expect(entries).toContainText("Opened again. The AI answers.");
    await say("How many days do I have to return an item?");
    await expect(log).toContainText("60 days");
  });
});
