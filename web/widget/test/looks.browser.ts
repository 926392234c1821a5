/** Pictures of every state, in light, dark and on a phone, for people to look at. */

import { expect, test } from "./fixture.ts";

const LOOKS = [
  { name: "light", viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 780 }, colorScheme: "light" },
] as const;

for (const { name, viewport, colorScheme } of LOOKS) {
  test.describe(name, () => {
    test.use({ viewport, colorScheme });

    test("through a conversation", async ({ page, widget, server, agent, context }) => {
      await page.goto("/demo/");
      await expect(widget.launcher).toBeVisible();
      await widget.shoot(`${name}-1-closed`);
      await widget.launcher.click();
      await expect(widget.panel).toBeVisible();
      await expect(widget.person).toBeEnabled();
      await widget.shoot(`${name}-2-open`);
      agent.holdAt = 70;
      await widget.ask("How long does standard shipping take, and can I follow the parcel?");
      await expect(widget.log.locator(".caret")).toBeVisible();
      await expect(widget.log).toContainText("3 to 5 business days");
      await widget.shoot(`${name}-3-streaming`);
      agent.resume();
      await expect(widget.log.locator(".source")).toHaveCount(2);
      await widget.shoot(`${name}-4-sources`);
      await widget.ask("Do you sell horse saddles?");
      await expect(widget.log.locator(".offer")).toBeVisible();
      await widget.shoot(`${name}-5-offer`);
      await widget.log.getByRole("button", { name: "Talk to a person" }).click();
      await expect(widget.panel.locator(".standing")).toContainText("Waiting");
      await widget.shoot(`${name}-6-waiting`);
      server.chat.queue(server.channel, {
        position: 2,
        expected_wait_seconds: 200,
        people_online: 3,
      });
      await expect(widget.panel.locator(".standing")).toContainText("Number 2");
      await widget.shoot(`${name}-6b-queue`);
      server.chat.setOwner(server.channel, "human", { kind: "user", name: "Maya" });
      server.chat.say(
        server.channel,
        { kind: "user", name: "Maya" },
        {
          text: "Hi, Maya here! We don’t carry saddles, but there is a good shop in Longmont: https://example.com/saddles",
        },
      );
      await expect(widget.log).toContainText("Maya here");
      await widget.ask("Perfect, thank you!");
      await widget.shoot(`${name}-7-person`);
      await context.setOffline(true);
      server.cut();
      await widget.ask("One more thing");
      await expect(widget.panel.locator(".notice")).toContainText("offline");
      await widget.shoot(`${name}-8-offline`);
      await context.setOffline(false);
      await expect(widget.log.locator(".note")).toHaveCount(0);
      await widget.panel.getByRole("button", { name: "End conversation" }).click();
      await expect(widget.panel.getByRole("group")).toBeVisible();
      await widget.shoot(`${name}-9-end-asks`);
      await widget.panel
        .getByRole("group")
        .getByRole("button", { name: "End conversation" })
        .click();
      await expect(widget.panel).toContainText("This conversation has ended.");
      await widget.shoot(`${name}-10-ended`);
    });
  });
}

test("when it cannot be reached, and when it fails", async ({ page, widget, server }) => {
  server.refuse = (request) =>
    request.includes("/auth/visitors") ? [503, "unavailable"] : undefined;
  await widget.open();
  await expect(widget.panel.getByRole("alert")).toContainText("can’t reach");
  await widget.shoot("light-11-error");
  server.refuse = () => undefined;
  await widget.panel.getByRole("button", { name: "Try again" }).click();
  await expect(widget.person).toBeEnabled();
  server.chat.refuse = () => "validation_failed";
  await widget.ask("Will this go through?");
  await expect(widget.log.getByRole("alert")).toContainText("Not sent");
  await widget.shoot("light-12-failed");
  await page.goto("/");
  await widget.shoot("start");
  await page.goto("/reference.html");
  await page.getByText("Create a contact").click();
  await widget.shoot("reference");
  await page.goto("/demo/help/shipping.html");
  await widget.shoot("help");
  await page.goto("/demo/#help");
  await page.screenshot({ path: "test-results/shots/demo-full.png", fullPage: true });
});

for (const { name, viewport, colorScheme } of LOOKS) {
  test.describe(`${name}, with everything`, () => {
    test.use({ viewport, colorScheme });

    test("that a message may have", async ({ page, widget, server, agent }) => {
      const text = (words: string) => ({ type: "text" as const, text: words });
      server.about.settings = { csat: { enabled: true } };
      await widget.open();
      await expect(widget.person).toBeEnabled();
      agent.answer = () => ({ text: "Let me see." });
      await widget.ask("Which jacket do I want for a rainy weekend? 🌧️");
      await expect(widget.log).toContainText("Let me see.");
      server.chat.say(
        server.channel,
        { kind: "agent", name: "Juniper" },
        {
          text: "For rain",
          blocks: [
            {
              type: "paragraph",
              spans: [
                text("For rain you want the "),
                { type: "strong", spans: [text("Trail jacket")] },
                text(": [1]"),
              ],
            },
            {
              type: "list",
              items: [
                [{ type: "paragraph", spans: [text("It is waterproof up to 20,000 mm.")] }],
                [{ type: "paragraph", spans: [text("It packs into its own pocket.")] }],
              ],
            },
            {
              type: "quote",
              blocks: [{ type: "paragraph", spans: [text("Dry for three days.")] }],
            },
          ],
          sources: [{ n: 1, title: "Jackets", quote: "Waterproof up to 20,000 mm, seams taped." }],
          cards: [
            {
              title: "Trail jacket",
              text: "Three layers, 410 g, five colours.",
              url: "https://example.com/jacket",
            },
          ],
          quick_replies: [{ text: "Is it in stock?" }, { text: "How do I wash it?" }],
        },
      );
      await expect(widget.log.locator(".quick")).toBeVisible();
      await widget.shoot(`${name}-13-rich`);
      await widget.panel.getByRole("button", { name: "Add an emoji" }).click();
      await expect(widget.panel.getByRole("toolbar")).toBeVisible();
      await widget.shoot(`${name}-14-emoji`);
      await page.keyboard.press("Escape");
      await page.locator("syntera-widget input[type=file]").setInputFiles([
        {
          name: "A very long name of a file with the receipt of last summer.pdf",
          mimeType: "application/pdf",
          buffer: Buffer.alloc(123_456),
        },
      ]);
      await expect(widget.panel.locator(".waiting-files li")).toHaveCount(1);
      await widget.shoot(`${name}-15-file`);
      await widget.field.fill("Here is the receipt.");
      await widget.field.press("Enter");
      await expect(widget.log.locator(".mine .file")).toBeVisible();
      await widget.log.getByRole("button", { name: "Message options" }).last().click();
      await expect(widget.log.locator(".acts")).toBeVisible();
      server.chat.react(server.channel, 2, { kind: "user", id: "u", name: "Maya" }, "👍", true);
      await expect(widget.log.locator(".reactions")).toBeVisible();
      await widget.shoot(`${name}-16-options`);
      await widget.panel.getByRole("button", { name: "Conversations and settings" }).click();
      await expect(widget.panel.locator(".entry")).toHaveCount(1);
      await widget.shoot(`${name}-17-menu`);
      await widget.panel.getByRole("button", { name: "Back to the conversation" }).click();
      server.chat.setOwner(server.channel, "closed", { kind: "system" });
      await widget.panel.getByRole("radio", { name: "Good", exact: true }).check();
      await widget.shoot(`${name}-18-rating`);
    });

    test("that may stand before one", async ({ widget, server }) => {
      const consent = {
        required: true,
        version: 1,
        text: "We keep what you write for 30 days to answer you. More: https://example.com/privacy",
      };
      server.about.settings = {
        consent,
        prechat: {
          enabled: true,
          when: "always",
          fields: [
            { key: "name", label: "Your name", required: true },
            { key: "email", label: "E-mail", required: false },
          ],
        },
      };
      await widget.open();
      await expect(widget.panel.locator(".form")).toBeVisible();
      await widget.shoot(`${name}-19-consent`);
      await widget.panel.getByRole("button", { name: "I agree" }).click();
      await widget.panel.getByRole("button", { name: "Start chatting" }).click();
      await expect(widget.panel.locator(".wrong")).toBeVisible();
      await widget.shoot(`${name}-20-form`);
    });
  });
}
