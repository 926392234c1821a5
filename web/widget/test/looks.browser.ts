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
