/** What a visitor has written is kept: drafts, and messages that cannot be sent yet. */

import { expect, test } from "./fixture.ts";

test("through a reload: the conversation and the draft", async ({ page, widget }) => {
  await widget.open();
  await widget.ask("How long does shipping take?");
  await expect(widget.log.locator(".source")).toHaveCount(2);
  await widget.field.fill("and what about");
  await page.reload();
  await widget.launcher.click();
  await expect(widget.log).toContainText("Alaska and Hawaii");
  await expect(widget.log.locator(".mine")).toHaveCount(1);
  await expect(widget.field).toHaveValue("and what about");
});

test("through a lost network, sent once when it is back", async ({ widget, server, context }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  await context.setOffline(true);
  server.cut();
  await expect(widget.panel).toContainText("You’re offline");
  await widget.ask("Are you there?");
  await expect(widget.log).toContainText("Waiting to send…");
  await context.setOffline(false);
  await expect(widget.log).toContainText("don’t want to guess");
  expect(server.said).toEqual(["Are you there?"]);
});

test("through a reload while the chat is away", async ({ page, widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.sockets = false;
  server.cut();
  await widget.ask("Is my order late?");
  await page.reload();
  await widget.launcher.click();
  await expect(widget.log).toContainText("Is my order late?");
  server.sockets = true;
  await expect(widget.log).toContainText("don’t want to guess");
  expect(server.said).toEqual(["Is my order late?"]);
});

test("even before there is a conversation", async ({ page, widget, server }) => {
  server.refuse = (r) => (r.includes("/start") ? [503, "unavailable"] : undefined);
  await widget.open();
  await expect(widget.panel.getByRole("alert")).toContainText("can’t reach");
  await widget.ask("Do you deliver to Alaska?");
  await page.reload();
  await widget.launcher.click();
  server.refuse = () => undefined;
  await expect(widget.log).toContainText("Alaska and Hawaii");
  expect(server.said).toEqual(["Do you deliver to Alaska?"]);
});

test("before there is a conversation, with what is written after a reload", async ({
  page,
  widget,
  server,
}) => {
  server.refuse = (r) => (r.includes("/start") ? [503, "unavailable"] : undefined);
  await widget.open();
  await widget.ask("Do you deliver to Alaska?");
  await page.reload();
  await widget.launcher.click();
  await expect(widget.log.locator(".mine")).toHaveText(/Do you deliver to Alaska\?/);
  await widget.ask("And to Hawaii?");
  server.refuse = () => undefined;
  await expect(widget.log.locator(".note")).toHaveCount(0, { timeout: 15_000 });
  expect(server.said).toEqual(["Do you deliver to Alaska?", "And to Hawaii?"]);
});

test("through an outage and a reload, with what is written after it", async ({
  page,
  widget,
  server,
}) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.sockets = false;
  server.cut();
  await widget.ask("Is my order late?");
  server.refuse = (r) => (r.includes("/start") ? [503, "unavailable"] : undefined);
  await page.reload();
  await widget.launcher.click();
  await expect(widget.log.locator(".mine")).toHaveText(/Is my order late\?/);
  await widget.ask("It should be here");
  server.refuse = () => undefined;
  server.sockets = true;
  await expect(widget.log.locator(".note")).toHaveCount(0, { timeout: 15_000 });
  expect(server.said).toEqual(["Is my order late?", "It should be here"]);
});

test("when its conversation is gone: all of it is in the next one's draft", async ({
  widget,
  server,
}) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.sockets = false;
  server.cut();
  await widget.ask("One");
  await widget.ask("Two");
  server.chat.rooms.delete(server.channel);
  server.sockets = true;
  await expect(widget.field).toHaveValue("One\n\nTwo", { timeout: 15_000 });
  await widget.field.press("Enter");
  await expect(widget.log).toContainText("don’t want to guess");
  expect(server.said).toEqual(["One\n\nTwo"]);
});

test("when its conversation ends: what was refused comes back in its order", async ({
  widget,
  server,
}) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.chat.refuse = () => "validation_failed";
  await widget.ask("One");
  await widget.ask("Two");
  await expect(widget.log.locator(".note.failed")).toHaveCount(2);
  await widget.field.fill("Three");
  server.chat.setOwner(server.channel, "closed", { kind: "system" }, "idle");
  await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
  await expect(widget.field).toHaveValue("One\n\nTwo\n\nThree");
});

test("when it is refused: it can be tried again, or edited", async ({ widget, server }) => {
  await widget.open();
  server.chat.refuse = () => "validation_failed";
  await widget.ask("Will this work?");
  await expect(widget.log).toContainText("Not sent.");
  await widget.log.getByRole("button", { name: "Edit" }).click();
  await expect(widget.field).toHaveValue("Will this work?");
  await widget.field.press("Enter");
  await expect(widget.log).toContainText("Not sent.");
  server.chat.refuse = () => undefined;
  await widget.log.getByRole("button", { name: "Try again" }).click();
  await expect(widget.log).toContainText("don’t want to guess");
  await expect(widget.log.locator(".mine")).toHaveCount(1);
});

test("too long is told before it is sent", async ({ widget }) => {
  await widget.open();
  await widget.field.fill("a".repeat(10_012));
  await expect(widget.panel).toContainText("12 characters too long");
  await expect(widget.send).toBeDisabled();
});
