/** What may stand before a message: consent, forms, a person's absence; and who the visitor is. */

import type { Page } from "@playwright/test";
import { expect, test } from "./fixture.ts";

interface Scope {
  Syntera: {
    identify(jwt: string): void;
    setAttributes(attributes: object): void;
    open(): void;
    on(name: string, listener: (event: unknown) => void): () => void;
    shutdown(): void;
  };
}

function syntera(page: Page, call: "identify" | "setAttributes", value: unknown): Promise<void> {
  return page.evaluate(
    ([name, what]) => {
      const { Syntera } = window as unknown as Scope;
      (Syntera[name as "identify"] as (value: unknown) => void)(what);
    },
    [call, value] as const,
  );
}

test("consent is given to a version of a text, before the first message", async ({
  page,
  widget,
  server,
}) => {
  const text = "We keep what you write for 30 days.\nMore: https://example.com/privacy";
  server.about.settings = { consent: { required: true, text, version: 3 } };
  await widget.open();
  const form = widget.panel.getByRole("region", { name: "Before we start" });
  await expect(form.getByRole("link")).toHaveAttribute("href", "https://example.com/privacy");
  await expect(widget.field).toHaveCount(0);
  await expect(widget.person).toBeVisible();
  await form.getByRole("button", { name: "I agree" }).click();
  await expect(widget.field).toBeFocused();
  expect([...server.about.consents.values()]).toEqual([3]);
  await page.reload();
  await widget.launcher.click();
  await expect(widget.person).toBeEnabled();
  server.about.settings = { consent: { required: true, text: "Anew.", version: 4 } };
  server.chat.refuse = () => (server.about.consents.has("none") ? undefined : "consent_required");
  await widget.ask("Is this kept?");
  await expect(form).toContainText("Anew.");
  await form.getByRole("button", { name: "I agree" }).click();
  server.chat.refuse = () => undefined;
  await widget.log.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => server.said).toEqual(["Is this kept?"]);
});

const PRECHAT = {
  enabled: true,
  fields: [
    { key: "name", label: "Your name", required: true },
    { key: "email", label: "E-mail", required: false },
    { key: "custom", label: "Order number", required: false },
  ],
} as const;

test("a form before the conversation says what is missing, and is asked once", async ({
  page,
  widget,
  server,
}) => {
  server.about.settings = { prechat: { ...PRECHAT, fields: [...PRECHAT.fields], when: "always" } };
  await widget.open();
  const form = widget.panel.getByRole("form", { name: "Tell us who you are" });
  await form.getByLabel("E-mail").fill("ann");
  await form.getByRole("button", { name: "Start chatting" }).click();
  await expect(form.getByLabel("Your name")).toBeFocused();
  await expect(form.getByLabel("Your name")).toHaveAccessibleDescription("Please fill this in.");
  await expect(form.getByLabel("E-mail")).toHaveAttribute("aria-invalid", "true");
  await form.getByLabel("Your name").fill("Ann");
  await form.getByLabel("E-mail").fill("ann@example.com");
  await form.getByLabel("Order number").fill("1234");
  await form.getByRole("button", { name: "Start chatting" }).click();
  await expect(widget.field).toBeFocused();
  expect([...server.about.introductions.values()]).toEqual([
    { name: "Ann", email: "ann@example.com", custom: [{ label: "Order number", value: "1234" }] },
  ]);
  await page.reload();
  await widget.launcher.click();
  await expect(widget.field).toBeVisible();
});

test("a form before a person comes with the wish for one", async ({ widget, server }) => {
  server.about.settings = {
    prechat: { ...PRECHAT, fields: [...PRECHAT.fields], when: "before_person" },
  };
  await widget.open();
  await expect(widget.field).toBeVisible();
  await widget.person.click();
  const form = widget.panel.getByRole("form");
  await expect(form.getByLabel("Your name")).toBeFocused();
  await form.getByRole("button", { name: "Not now" }).click();
  await expect(widget.field).toBeVisible();
  expect(server.chat.room(server.channel).owner).toBe("ai");
  await widget.person.click();
  await form.getByLabel("Your name").fill("Ann");
  await form.getByRole("button", { name: "Send" }).click();
  await expect(widget.panel).toContainText("Waiting for a person");
});

test("where nobody is there, one's address can be left", async ({ widget, server }) => {
  server.about.settings = { offline_form: { enabled: true }, people_online: 0 };
  await widget.open();
  await expect(widget.person).toBeEnabled();
  server.chat.room(server.channel).place = { people_online: 0 };
  await widget.person.click();
  const form = widget.panel.getByRole("form", { name: "Nobody is here right now" });
  await form.getByLabel("E-mail").fill("ann@example.com");
  await form.getByRole("button", { name: "Send" }).click();
  await expect(widget.field).toBeVisible();
  expect([...server.about.introductions.values()]).toEqual([{ email: "ann@example.com" }]);
});

test("where the company asks first, a person is offered at once", async ({ widget, server }) => {
  server.about.settings = {
    ai_first: false,
    greetings: [{ locale: "en", text: "Welcome to Juniper & Pine!" }],
  };
  await widget.open();
  await expect(widget.log).toContainText("Welcome to Juniper & Pine!");
  await widget.log.getByRole("button", { name: "Talk to a person" }).click();
  await expect(widget.panel).toContainText("Waiting for a person");
});

test("whom the company vouches for is that person, before and after opening", async ({
  page,
  widget,
  server,
}) => {
  await page.goto("/demo/");
  await expect(widget.launcher).toBeVisible();
  await syntera(page, "identify", "jwt-of-ann");
  await syntera(page, "setAttributes", { name: "Ann", plan: "gold" });
  expect(server.requests.filter((r) => r.includes("/api/"))).toEqual([]);
  await widget.launcher.click();
  await widget.ask("Do you sell saddles?");
  await expect(widget.log.locator(".offer")).toBeVisible();
  await expect
    .poll(() => [...server.about.introductions.values()])
    .toEqual([{ name: "Ann", custom: [{ label: "plan", value: "gold" }] }]);
  await syntera(page, "identify", "jwt-of-ben");
  await expect(widget.log.locator(".mine")).toHaveCount(0);
  await widget.ask("And who am I?");
  expect(server.chat.rooms.size).toBe(2);
  await syntera(page, "identify", "jwt-of-ann");
  await expect(widget.log).toContainText("Do you sell saddles?");
});

test("tabs keep in step: the draft, what was read, the conversation", async ({
  widget,
  context,
  server,
}) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  const other = await context.newPage();
  await other.goto(`${server.origin}/demo/`);
  await other.locator("syntera-widget .launcher").click();
  const field = other.getByRole("dialog").getByRole("textbox");
  await expect(field).toBeVisible();
  await widget.field.fill("half a sentence");
  await expect(field).toHaveValue("half a sentence");
  await widget.field.fill("");
  await expect(field).toHaveValue("");
  await widget.ask("Do you sell saddles?");
  server.chat.setOwner(server.channel, "closed", { kind: "system" });
  await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
  await expect(widget.log.locator(".mine")).toHaveCount(0);
  await expect(other.getByRole("log").locator(".mine")).toHaveCount(0);
});

test("what nobody saw is in the title, and leaves it", async ({ page, widget, server }) => {
  await widget.open();
  await expect(widget.person).toBeEnabled();
  const title = await page.title();
  await widget.launcher.click();
  server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: "Hello?" });
  await expect(page).toHaveTitle(`(1) ${title}`);
  await widget.launcher.click();
  await expect(page).toHaveTitle(title);
  await widget.launcher.click();
  server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: "Still there?" });
  await expect(page).toHaveTitle(`(1) ${title}`);
  await page.evaluate(() => (window as unknown as Scope).Syntera.shutdown());
  await expect(page).toHaveTitle(title);
});

test("a sound is made for those who want one", async ({ page, widget, server }) => {
  await page.addInitScript(() => {
    const scope = window as unknown as { tones: number };
    scope.tones = 0;
    const create = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () {
      scope.tones += 1;
      return create.call(this);
    };
  });
  const tones = () => page.evaluate(() => (window as unknown as { tones: number }).tones);
  await widget.open();
  await expect(widget.person).toBeEnabled();
  await widget.panel.getByRole("button", { name: "Conversations and settings" }).click();
  const sound = widget.panel.getByRole("checkbox", { name: "Sound for new messages" });
  await expect(sound).not.toBeChecked();
  await sound.check();
  const before = await tones();
  await widget.panel.getByRole("button", { name: "Back to the conversation" }).click();
  await widget.launcher.click();
  server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text: "Hello?" });
  await expect.poll(tones).toBeGreaterThan(before);
});
