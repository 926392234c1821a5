/**
 * The journey of the product: a customer asks in the widget, gets an answer from the shop's own
 * text, asks for what nobody wrote down, and the company finds it all in its numbers.
 */

import { expect, type Page, test } from "@playwright/test";
import { all, demoToken, type Json, must } from "../src/api.ts";
import { findings } from "../src/axe.ts";
import { eventually } from "../src/eventually.ts";

function parts(page: Page) {
  const panel = page.getByRole("dialog");
  const log = page.getByRole("log");
  return { panel, log, field: panel.getByRole("textbox") };
}

async function open(page: Page): Promise<ReturnType<typeof parts>> {
  await page.goto("/demo/");
  await page.getByRole("button", { name: "Open chat" }).click();
  const widget = parts(page);
  await expect(widget.panel.getByRole("button", { name: "Talk to a person" })).toBeEnabled();
  return widget;
}

async function ask(widget: ReturnType<typeof parts>, text: string): Promise<void> {
  await widget.field.fill(text);
  await widget.field.press("Enter");
}

test("from a customer's word to a number in a report", async ({ page, context }) => {
  test.setTimeout(180_000);
  const token = await demoToken();
  const report = async (): Promise<Json> =>
    (await must("GET", "/reports/conversations", { token })).totals;
  const ended = async (): Promise<number> =>
    (await all("/metrics?metric_type=conversation_ended", token)).length;
  const before = await report();
  const endedBefore = await ended();
  const known = new Set((await all("/contacts", token)).map((contact) => contact.id));

  let channel = "";
  page.on("response", async (response) => {
    if (/\/agents\/[^/]+\/start$/.test(response.url()) && response.request().method() === "POST") {
      channel = (await response.json()).channel_id;
    }
  });
  let deltas = 0;
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      if (String(payload).includes('"message.delta"')) deltas += 1;
    });
  });

  const widget = await open(page);
  await expect(widget.panel).toContainText("AI agent");

  await test.step("what the help texts answer is answered from them, with the source", async () => {
    await ask(widget, "How much does standard shipping cost?");
    const answer = widget.log.locator(".theirs").first();
    await expect(answer).toContainText("$6.95");
    const source = answer.locator("a.source").filter({ hasText: "Shipping and delivery" });
    await expect(source.first()).toBeVisible();
    expect(deltas).toBeGreaterThan(0);
    const [page2] = await Promise.all([context.waitForEvent("page"), source.first().click()]);
    await expect(page2.getByRole("heading", { level: 1 })).toHaveText("Shipping and delivery");
    await expect(page2.locator("article")).toContainText("Standard shipping costs $6.95");
    await page2.close();
    expect(await findings(page)).toEqual([]);
  });

  await test.step("what they do not answer is not made up, and a person is offered", async () => {
    await ask(widget, "Which team won the football world cup in 1998?");
    const offer = widget.log.locator(".offer");
    await expect(offer).toBeVisible();
    const answer = widget.log.locator(".theirs").last();
    await expect(answer.locator(".source")).toHaveCount(0);
    await expect(answer).not.toContainText("France");
    expect(await findings(page)).toEqual([]);
  });

  await test.step("after a reload the conversation is still there", async () => {
    await page.reload();
    await page.getByRole("button", { name: "Open chat" }).click();
    await expect(widget.log).toContainText("How much does standard shipping cost?");
    await expect(widget.log).toContainText("$6.95");
    await expect(widget.log.locator(".mine")).toHaveCount(2);
  });

  await test.step("a person can be asked for", async () => {
    await widget.panel.locator(".bar").getByRole("button", { name: "Talk to a person" }).click();
    await expect(widget.panel).toContainText("Waiting for a person");
  });

  await test.step("the end is asked for and said", async () => {
    await widget.panel.getByRole("button", { name: "End conversation" }).click();
    await widget.panel.getByRole("group").getByRole("button", { name: "End conversation" }).click();
    await expect(widget.panel).toContainText("This conversation has ended.");
  });

  await test.step("the company finds the contact, the interaction and the numbers", async () => {
    expect(channel).not.toBe("");
    const contact = await eventually(async () => {
      for (const one of await all("/contacts", token)) {
        if (known.has(one.id)) continue;
        const of = await all(`/contacts/${one.id}/interactions`, token);
        if (of.some((interaction) => interaction.channel_id === channel)) return { one, of };
      }
      return undefined;
    }, "the interaction of the conversation");
    expect(contact.of).toHaveLength(1);
    expect(contact.of[0]).toMatchObject({ type: "chat", escalated: true });
    const after = await eventually(async () => {
      const now = await report();
      return now.ended > before.ended ? now : undefined;
    }, "the report counts it");
    expect(after.started).toBeGreaterThan(before.started);
    expect(after.escalated).toBeGreaterThan(before.escalated);
    expect(after.visitor_messages).toBeGreaterThanOrEqual(before.visitor_messages + 2);
    expect(await ended()).toBeGreaterThan(endedBefore);
  });
});

test("after the end another conversation can begin", async ({ page }) => {
  const widget = await open(page);
  await ask(widget, "How long can I return things?");
  await expect(widget.log).toContainText("60 days");
  await widget.panel.getByRole("button", { name: "End conversation" }).click();
  await widget.panel.getByRole("group").getByRole("button", { name: "End conversation" }).click();
  await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
  await expect(widget.log.locator(".mine")).toHaveCount(0);
  await ask(widget, "When is the Burlington store open on Sunday?");
  await expect(widget.log.locator(".theirs").first()).toContainText("11 a.m. to 5 p.m.");
});

test("two tabs are one conversation", async ({ page, context }) => {
  const widget = await open(page);
  const other = await context.newPage();
  const second = await open(other);
  await ask(widget, "Do gift cards expire?");
  await expect(second.log).toContainText("Do gift cards expire?");
  await expect(second.log.locator(".source").first()).toBeVisible();
});

test("the answer comes although the network was lost in between", async ({ page, context }) => {
  const widget = await open(page);
  await context.setOffline(true);
  await ask(widget, "How much does a new zipper cost?");
  await expect(widget.log).toContainText("How much does a new zipper cost?");
  await context.setOffline(false);
  await expect(widget.log.locator(".theirs").first()).toContainText("$25");
  await expect(widget.log.locator(".mine")).toHaveCount(1);
});
