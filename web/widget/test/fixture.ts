/** A fake gateway for each test, a page that must not break any rule, and the widget's parts by name. */

import { fileURLToPath } from "node:url";
import { test as base, expect, type Locator, type Page } from "@playwright/test";
import { FakeAgent } from "../../testing/fake-agent.ts";
import { FakeServer } from "../../testing/fake-server.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const shots = fileURLToPath(new URL("../../test-results/shots", import.meta.url));

export class Widget {
  readonly launcher: Locator;
  readonly panel: Locator;
  readonly log: Locator;
  readonly field: Locator;
  readonly send: Locator;
  readonly person: Locator;

  constructor(readonly page: Page) {
    this.launcher = page.locator("syntera-widget .launcher");
    this.panel = page.getByRole("dialog");
    this.log = page.getByRole("log");
    this.field = this.panel.locator(".composer textarea");
    this.send = this.panel.getByRole("button", { name: "Send message" });
    this.person = this.panel.locator(".bar").getByRole("button", { name: "Talk to a person" });
  }

  async open(path = "/demo/"): Promise<void> {
    await this.page.goto(path);
    await this.launcher.click();
    await expect(this.panel).toBeVisible();
  }

  async ask(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
    await expect(this.log.locator(".mine").filter({ hasText: text }).last()).toBeVisible();
  }

  /** A picture for people to look at; nothing is compared. */
  async shoot(name: string): Promise<void> {
    await this.page.screenshot({ path: `${shots}/${name}.png`, animations: "disabled" });
  }
}

export interface Fixtures {
  server: FakeServer;
  agent: FakeAgent;
  widget: Widget;
  /** What the page complained of: the policy, scripts, the console. */
  complaints: string[];
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
  server: async ({}, use) => {
    const server = new FakeServer(dist);
    await server.listen();
    await use(server);
    await server.close();
    expect(server.violations).toEqual([]);
    expect(server.chat.violations).toEqual([]);
  },
  agent: async ({ server }, use) => {
    await use(new FakeAgent(server.chat));
  },
  baseURL: async ({ server }, use) => {
    await use(server.origin);
  },
  complaints: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const said = message.text();
      // A refused request and a lost socket are what some tests are about.
      if (message.type() !== "error" || /Failed to load resource|WebSocket connection/.test(said)) {
        return;
      }
      complaints.push(said);
    });
    await use(complaints);
    expect(complaints).toEqual([]);
  },
  widget: async ({ page, agent, complaints }, use) => {
    void agent;
    void complaints;
    await use(new Widget(page));
  },
});

export { expect };
