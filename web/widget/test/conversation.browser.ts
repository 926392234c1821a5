/** What a message may have, what can be done with it, and how a conversation goes on. */

import { expect, test } from "./fixture.ts";

const MAYA = { kind: "user", id: "u1", name: "Maya" } as const;
const JUNIPER = { kind: "agent", name: "Juniper" } as const;

test("a tree of blocks is drawn as elements, with its citations", async ({ widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.chat.say(server.channel, JUNIPER, {
    text: "# Shipping\n\n1. *Fast*\n2. [Slow](https://example.com/slow) `x`",
    sources: [{ n: 1, title: "Shipping", url: "/demo/help/shipping.html", quote: "q" }],
    blocks: [
      { type: "heading", level: 1, spans: [{ type: "text", text: "Shipping" }] },
      {
        type: "list",
        start: 1,
        items: [
          [
            {
              type: "paragraph",
              spans: [
                { type: "emphasis", spans: [{ type: "text", text: "Fast" }] },
                { type: "text", text: " [" },
                { type: "text", text: "1" },
                { type: "text", text: "]" },
              ],
            },
          ],
          [
            {
              type: "paragraph",
              spans: [
                {
                  type: "link",
                  href: "https://example.com/slow",
                  spans: [{ type: "text", text: "Slow" }],
                },
                { type: "code", text: "<b>x</b>" },
              ],
            },
          ],
        ],
      },
      { type: "code", language: "js", text: "let x = 1;" },
      { type: "quote", blocks: [{ type: "rule" }] },
    ],
  });
  const tree = widget.log.locator(".tree");
  await expect(tree.locator("ol > li")).toHaveCount(2);
  await expect(tree.locator("em")).toHaveText("Fast");
  await expect(tree.locator("a.cite")).toHaveText("1");
  await expect(tree.getByRole("link", { name: "Slow" })).toHaveAttribute(
    "href",
    "https://example.com/slow",
  );
  await expect(tree.locator("li code")).toHaveText("<b>x</b>");
  await expect(tree.locator("pre")).toHaveText("let x = 1;");
  await expect(tree.locator("blockquote hr")).toHaveCount(1);
});

test("suggested replies are sent as they read, and go away", async ({ widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.chat.say(server.channel, JUNIPER, {
    text: "What is it about?",
    quick_replies: [{ text: "Shipping" }, { text: "Something else" }],
    cards: [
      { title: "Trail jacket", text: "Keeps the rain out.", url: "https://example.com/jacket" },
      { title: "A thing", url: "javascript:alert(1)" },
    ],
  });
  await expect(widget.log.getByRole("link", { name: /Trail jacket/ })).toBeVisible();
  await expect(widget.log.getByRole("link", { name: /A thing/ })).toHaveCount(0);
  await widget.log.getByRole("button", { name: "Something else" }).click();
  await expect(widget.log.locator(".mine")).toHaveText(/Something else/);
  await expect(widget.log.locator(".quick")).toHaveCount(0);
  await expect(widget.field).toBeFocused();
  expect(server.said).toEqual(["Something else"]);
});

test("an own message can be edited and taken back", async ({ widget, server }) => {
  await widget.open();
  await widget.ask("Do you sell horses?");
  await expect(widget.log.locator(".offer")).toBeVisible();
  await widget.field.fill("a draft");
  await widget.log.getByRole("button", { name: "Message options" }).click();
  await widget.log.getByRole("button", { name: "Edit" }).click();
  await expect(widget.field).toHaveValue("Do you sell horses?");
  await expect(widget.panel).toContainText("Editing your message");
  await widget.field.press("Escape");
  await expect(widget.panel).toBeVisible();
  await expect(widget.field).toHaveValue("a draft");
  await widget.log.getByRole("button", { name: "Message options" }).click();
  await widget.log.getByRole("button", { name: "Edit" }).click();
  await widget.field.fill("Do you sell saddles?");
  await widget.field.press("Enter");
  await expect(widget.log.locator(".mine")).toContainText("Do you sell saddles?");
  await expect(widget.log.locator(".mine")).toContainText("edited");
  await expect(widget.field).toHaveValue("a draft");
  await widget.log.getByRole("button", { name: "Message options" }).click();
  await widget.log.getByRole("button", { name: "Delete" }).click();
  await expect(widget.log.locator(".mine")).toContainText("Message deleted");
  await expect(widget.log).not.toContainText("saddles");
  expect(JSON.stringify(server.chat.room(server.channel).log)).not.toContain("saddles");
});

test("an answer can be rated, and the word taken back", async ({ widget, server }) => {
  await widget.open();
  await widget.ask("How long does shipping take?");
  const good = widget.log.getByRole("button", { name: "This helped" });
  await good.click();
  await expect(good).toHaveAttribute("aria-pressed", "true");
  await widget.log.getByRole("button", { name: "This didn’t help" }).click();
  await expect(good).toHaveAttribute("aria-pressed", "false");
  await widget.log.getByRole("button", { name: "This didn’t help" }).click();
  const changes = server.chat.room(server.channel).log.flatMap((e) => e.change ?? []);
  await expect.poll(() => changes.length).toBeGreaterThan(0);
  await expect(widget.log.getByRole("button", { pressed: true })).toHaveCount(0);
});

test("signs on messages are shown, and set by a click", async ({ widget, server }) => {
  await widget.open();
  await widget.ask("Do you sell saddles?");
  server.chat.react(server.channel, 2, MAYA, "👍", true);
  const sign = widget.log.getByRole("button", { name: "👍, 1" });
  await expect(sign).toHaveAttribute("aria-pressed", "false");
  await sign.click();
  await expect(widget.log.getByRole("button", { name: "👍, 2" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
});

test("what only the company's people see leaves no trace", async ({ page, widget, server }) => {
  await widget.open();
  await widget.ask("Do you sell saddles?");
  server.chat.note(server.channel, MAYA, "a secret of ours");
  server.chat.say(server.channel, MAYA, { text: "We do not." });
  await expect(widget.log).toContainText("We do not.");
  await page.reload();
  await widget.launcher.click();
  await widget.ask("Thanks");
  await expect(widget.log.locator(".mine")).toHaveCount(2);
  await expect(widget.log).not.toContainText("secret");
});

test("the place in the queue is told, live", async ({ widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.chat.room(server.channel).place = {
    position: 3,
    expected_wait_seconds: 250,
    people_online: 2,
  };
  await widget.person.click();
  const standing = widget.panel.locator(".standing");
  await expect(standing).toContainText("Number 3 in line · about 4 minutes");
  server.chat.queue(server.channel, { position: 1, expected_wait_seconds: 20, people_online: 2 });
  await expect(standing).toContainText("You’re next · about 1 minute");
});

test.describe("the end", () => {
  test.beforeEach(async ({ widget, server }) => {
    server.about.settings = { csat: { enabled: true } };
    await widget.open();
    await widget.ask("How long does shipping take?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
    server.chat.setOwner(server.channel, "closed", MAYA);
  });

  test("asks how it was, once", async ({ page, widget, server }) => {
    await widget.panel.getByRole("radio", { name: "Great" }).check();
    await widget.panel.getByRole("textbox").fill("Quick!");
    await widget.panel.getByRole("button", { name: "Send" }).click();
    await expect(widget.panel).toContainText("Thank you for telling us!");
    expect(server.about.ratings).toEqual([{ score: 5, comment: "Quick!" }]);
    await page.reload();
    await widget.launcher.click();
    await expect(widget.panel.getByRole("radio")).toHaveCount(0);
  });

  test("can be undone for a while", async ({ widget, server }) => {
    const first = server.channel;
    await widget.panel.getByRole("button", { name: "Continue this conversation" }).click();
    await expect(widget.log).toContainText("Conversation continued");
    await expect(widget.field).toBeFocused();
    await widget.ask("Do you deliver to Alaska?");
    await expect(widget.log.locator(".source")).toHaveCount(4);
    expect(server.channel).toBe(first);
  });

  test("cannot be undone where the company does not want it", async ({ page, widget, server }) => {
    server.about.settings = { reopen_days: 0 };
    await page.reload();
    await widget.launcher.click();
    await expect(widget.person).toBeEnabled();
    await widget.panel.getByRole("button", { name: "Conversations and settings" }).click();
    await widget.panel.getByRole("button", { name: /Ended/ }).click();
    await expect(widget.panel).toContainText("This conversation has ended.");
    await expect(widget.panel.getByRole("button", { name: "Continue this" })).toHaveCount(0);
  });

  test("leaves the conversation to be read again", async ({ widget, server }) => {
    await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
    await expect(widget.log.locator(".mine")).toHaveCount(0);
    await widget.panel.getByRole("button", { name: "Conversations and settings" }).click();
    const list = widget.panel.getByRole("listitem");
    await expect(list).toHaveCount(2);
    await expect(list.first()).toContainText("Current conversation · Open");
    await list.last().getByRole("button").click();
    await expect(widget.log).toContainText("Alaska and Hawaii");
    await expect(widget.panel).toContainText("This conversation has ended.");
    expect(server.chat.rooms.size).toBe(2);
  });
});

test("a conversation that goes on in another one is followed there", async ({ widget, server }) => {
  await widget.open();
  await widget.ask("Do you sell saddles?");
  const old = server.channel;
  server.chat.create("other", server.chat.room(old).visitor);
  server.chat.say("other", MAYA, { text: "Let us go on here." });
  server.chat.change(old, MAYA, { what: "merged", into: "other" });
  await expect(widget.log).toContainText("Let us go on here.");
});

test.describe("files", () => {
  const picture = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    "base64",
  );

  test("are uploaded, sent, shown and saved", async ({ page, widget, server }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      widget.panel.getByRole("button", { name: "Attach files" }).click(),
    ]);
    await chooser.setFiles([
      { name: "tent.png", mimeType: "image/png", buffer: picture },
      { name: "order.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7") },
    ]);
    await expect(widget.panel.getByRole("list", { name: "Files to send" })).toContainText(
      "order.pdf",
    );
    await expect(widget.send).toBeEnabled();
    await widget.send.click();
    const shown = widget.log.getByRole("button", { name: "Download tent.png" });
    await expect(shown.locator("canvas")).toHaveAttribute("width", "1");
    await expect(widget.panel.locator(".waiting-files")).toHaveCount(0);
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      widget.log.getByRole("button", { name: "Download order.pdf" }).click(),
    ]);
    expect(saved.suggestedFilename()).toBe("order.pdf");
    const sent = server.chat.room(server.channel).log.flatMap((e) => e.body?.attachments ?? []);
    expect(sent.map((one) => one.name)).toEqual(["tent.png", "order.pdf"]);
  });

  test("that are refused say why, and can be taken out", async ({ page, widget, server }) => {
    server.about.largest = 10;
    await widget.open();
    await expect(widget.person).toBeEnabled();
    await page.locator("syntera-widget input[type=file]").setInputFiles({
      name: "big.bin",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(100),
    });
    await expect(widget.panel.getByRole("alert")).toContainText("This file is too large.");
    await widget.field.fill("words only");
    server.about.largest = 1000;
    await widget.panel.getByRole("button", { name: "Try big.bin again" }).click();
    await expect(widget.panel.getByRole("alert")).toHaveCount(0);
    await widget.panel.getByRole("button", { name: "Remove big.bin" }).click();
    await widget.field.press("Enter");
    await expect(widget.log.locator(".mine")).toHaveText(/words only/);
    expect(server.chat.room(server.channel).log.some((e) => e.body?.attachments)).toBe(false);
  });

  test("can be pasted and dropped", async ({ page, widget }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    for (const kind of ["paste", "drop"]) {
      await page.evaluate((type) => {
        const root = document.querySelector("syntera-widget")?.shadowRoot;
        const data = new DataTransfer();
        data.items.add(new File(["x"], `${type}.txt`, { type: "text/plain" }));
        const at = root?.querySelector(type === "paste" ? "textarea" : ".panel");
        at?.dispatchEvent(
          type === "paste"
            ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }),
        );
      }, kind);
      await expect(widget.panel.locator(".waiting-files")).toContainText(`${kind}.txt`);
    }
  });
});

test("an emoji goes where the caret is, by keyboard alone", async ({ page, widget, server }) => {
  await widget.open();
  await widget.field.fill("ab");
  await widget.field.press("ArrowLeft");
  const opener = widget.panel.getByRole("button", { name: "Add an emoji" });
  await opener.press("Enter");
  const picker = widget.panel.getByRole("toolbar", { name: "Emoji" });
  await expect(picker.getByRole("button").first()).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Escape");
  await expect(opener).toBeFocused();
  await opener.press("Enter");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(widget.field).toHaveValue("a😃b");
  await expect(widget.field).toBeFocused();
  await widget.field.press("Enter");
  await expect.poll(() => server.said).toEqual(["a😃b"]);
});
