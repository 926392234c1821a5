/** What a visitor can do with the widget, and what it does to a page. */

import { expect, test } from "./fixture.ts";

test.describe("before the first click", () => {
  test("it asks for nothing but its loader and stores nothing", async ({
    page,
    widget,
    server,
  }) => {
    await page.goto("/demo/");
    await expect(widget.launcher).toBeVisible();
    await page.waitForLoadState("networkidle");
    const asked = server.requests.filter((r) => !/ \/(demo|assets)\//.test(r));
    expect(asked).toEqual(["GET /widget.js"]);
    const stored = await page.evaluate(() => [
      localStorage.length,
      sessionStorage.length,
      document.cookie,
    ]);
    expect(stored).toEqual([0, 0, ""]);
  });

  test("it shifts nothing", async ({ page, widget }) => {
    await page.addInitScript(() => {
      const scope = window as unknown as { shifts: number };
      scope.shifts = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          scope.shifts += (entry as PerformanceEntry & { value: number }).value;
        }
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto("/demo/help/shipping.html");
    const before = await page.evaluate(() => document.documentElement.scrollHeight);
    await expect(widget.launcher).toBeVisible();
    await page.waitForLoadState("networkidle");
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(before);
    expect(await page.evaluate(() => (window as unknown as { shifts: number }).shifts)).toBe(0);
  });
});

test.describe("a question", () => {
  test("is answered word by word, with sources that open", async ({ page, widget, agent }) => {
    await widget.open();
    agent.holdAt = 60;
    await widget.ask("How long does shipping take?");
    await expect(widget.log).toContainText("Standard shipping costs $6.95");
    await expect(widget.log).not.toContainText("Alaska");
    agent.resume();
    await expect(widget.log).toContainText("Alaska and Hawaii");
    const source = widget.log.getByRole("link", { name: /^1 Shipping and delivery/ });
    await expect(source).toHaveAttribute("rel", /noopener/);
    const [opened] = await Promise.all([page.waitForEvent("popup"), source.click()]);
    await expect(opened.getByRole("heading", { level: 1 })).toHaveText("Shipping and delivery");
    await expect(
      widget.log.getByRole("link", { name: "Source 2: Tracking or changing an order" }),
    ).toHaveAttribute("href", /order-tracking/);
  });

  test("without an answer leads to a person", async ({ widget, server }) => {
    await widget.open();
    await widget.ask("Do you sell horse saddles?");
    await expect(widget.log).toContainText("don’t want to guess");
    await widget.log.getByRole("button", { name: "Talk to a person" }).click();
    await expect(widget.panel).toContainText("Waiting for a person");
    await expect(widget.field).toBeFocused();
    await expect(widget.log.locator(".offer")).toHaveCount(0);
    server.chat.setOwner(server.channel, "human", { kind: "user", id: "u1", name: "Maya" });
    await expect(widget.panel.getByRole("heading", { level: 2 })).toHaveText("Maya");
    await expect(widget.panel).toContainText("Maya is here");
    server.chat.hint(server.channel, {
      type: "typing",
      channel: server.channel,
      sender: { kind: "user", id: "u1", name: "Maya" },
      on: true,
    });
    await expect(widget.log).toContainText("Maya is writing");
    server.chat.say(server.channel, { kind: "user", id: "u1", name: "Maya" }, { text: "Hello!" });
    await expect(widget.log).not.toContainText("Maya is writing");
  });

  test("can go to a person at once", async ({ widget }) => {
    await widget.open();
    await widget.person.click();
    await expect(widget.panel).toContainText("Waiting for a person");
  });

  test("is one message, however it is sent", async ({ widget, server }) => {
    await widget.open();
    await widget.field.pressSequentially("first line");
    await widget.field.press("Shift+Enter");
    await widget.field.pressSequentially("second line");
    await widget.send.click();
    await expect(widget.log.locator(".mine")).toHaveText(/first line\nsecond line/);
    await expect(widget.log).toContainText("don’t want to guess");
    await widget.field.press("Enter");
    expect(server.said).toEqual(["first line\nsecond line"]);
  });

  test("is not sent by the key that chooses a word in it", async ({ widget, server }) => {
    await widget.open();
    await widget.field.fill("お届けは");
    // As Safari has it: the composition is over by now, and the code alone tells.
    for (const key of ["Enter", "Escape"]) {
      await widget.field.dispatchEvent("keydown", { key, keyCode: 229 });
    }
    await widget.field.pressSequentially("いつ");
    await widget.field.press("Enter");
    await expect(widget.log).toContainText("don’t want to guess");
    expect(server.said).toEqual(["お届けはいつ"]);
  });
});

test.describe("the connection", () => {
  test("cut in the middle of an answer, nothing is lost or doubled", async ({
    widget,
    server,
    agent,
  }) => {
    await widget.open();
    agent.holdAt = 60;
    await widget.ask("How long does shipping take?");
    await expect(widget.log).toContainText("Standard shipping costs");
    server.cut();
    agent.resume();
    await expect(widget.log.locator(".source")).toHaveCount(2);
    await expect(widget.log.locator(".theirs")).toHaveCount(1);
    await expect(widget.log.locator(".theirs .text")).toHaveText(/^Standard .* e-mail\.2$/s);
    await widget.ask("And how do you deliver?");
    await expect(widget.log.locator(".source")).toHaveCount(4);
  });

  test("can be tried again when the chat cannot be reached", async ({ widget, server }) => {
    server.refuse = (r) => (r.includes("/auth/visitors") ? [503, "unavailable"] : undefined);
    await widget.open();
    await expect(widget.panel.getByRole("alert")).toContainText("can’t reach the chat");
    server.refuse = () => undefined;
    await widget.panel.getByRole("button", { name: "Try again" }).click();
    await widget.ask("How long does shipping take?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
  });

  test("is tried again by itself, after longer and longer waits", async ({
    page,
    widget,
    server,
  }) => {
    server.refuse = (r) => (r.includes("/auth/visitors") ? [503, "unavailable"] : undefined);
    await page.clock.install();
    await page.goto("/demo/");
    await expect(widget.launcher).toBeVisible();
    await page.evaluate(() => {
      const scope = window as unknown as {
        failures: number;
        Syntera: { on(name: "error", listener: () => void): void };
      };
      scope.failures = 0;
      scope.Syntera.on("error", () => {
        scope.failures += 1;
      });
    });
    const failures = () =>
      page.evaluate(() => (window as unknown as { failures: number }).failures);
    await widget.launcher.click();
    for (const [before, wait] of [2_000, 5_000, 15_000, 30_000, 30_000].entries()) {
      await expect.poll(failures).toBe(before + 1);
      await page.clock.fastForward(wait);
    }
    await expect.poll(failures).toBe(6);
    server.refuse = () => undefined;
    await page.clock.fastForward(30_000);
    await expect(widget.person).toBeEnabled();
  });

  test("says so when the key is not taken here", async ({ widget, server }) => {
    server.refuse = (r) =>
      r === "POST /api/v1/auth/visitors" ? [403, "origin_not_allowed"] : undefined;
    await widget.open();
    await expect(widget.panel.getByRole("alert")).toContainText("Chat isn’t available here");
    expect(server.requests.filter((r) => r === "POST /api/v1/auth/visitors")).toHaveLength(1);
  });

  test("refused and then out of reach, it is still tried", async ({ widget, server }) => {
    const notice = widget.panel.locator(".notice");
    await widget.open();
    await expect(widget.person).toBeEnabled();
    server.sockets = false;
    server.refuse = (r) => (r.includes("/auth/visitors") ? [403, "origin_not_allowed"] : undefined);
    server.cut();
    // A new token is asked for after three failures.
    await expect(notice).toContainText("Chat isn’t available here", { timeout: 15_000 });
    server.refuse = (r) => (r.includes("/start") ? [503, "unavailable"] : undefined);
    await notice.getByRole("button", { name: "Try again" }).click();
    await expect(notice).toContainText("can’t reach the chat");
    server.sockets = true;
    server.refuse = () => undefined;
    await expect(notice).toHaveCount(0, { timeout: 15_000 });
  });

  test("a panel that does not load can be tried again", async ({ page, widget }) => {
    await page.route("**/widget/panel.*.js", (route) => route.abort());
    await page.goto("/demo/");
    await widget.launcher.click();
    await expect(page.locator("syntera-widget .trouble")).toContainText("could not be loaded");
    await page.unroute("**/widget/panel.*.js");
    await widget.launcher.click();
    await expect(widget.panel).toBeVisible();
  });
});

test.describe("the end", () => {
  test("is asked for, then said, and another conversation can begin", async ({
    widget,
    server,
  }) => {
    await widget.open();
    await widget.ask("How long does shipping take?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
    const first = server.channel;
    await widget.panel.getByRole("button", { name: "End conversation" }).click();
    const asked = widget.panel.getByRole("group", { name: "End this conversation?" });
    await expect(asked.getByRole("button", { name: "Keep talking" })).toBeFocused();
    await widget.page.keyboard.press("Escape");
    await expect(asked).toHaveCount(0);
    await expect(widget.panel).toBeVisible();
    await widget.panel.getByRole("button", { name: "End conversation" }).click();
    await asked.getByRole("button", { name: "End conversation" }).click();
    await expect(widget.panel).toContainText("This conversation has ended.");
    expect(server.chat.room(first).owner).toBe("closed");
    await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
    await expect(widget.field).toBeFocused();
    await expect(widget.log.locator(".mine")).toHaveCount(0);
    await widget.ask("Do you deliver to Alaska?");
    await expect(widget.log.locator(".source")).toHaveCount(2);
    expect(server.channel).not.toBe(first);
  });

  test("by the company keeps what was being written", async ({ widget, server }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    await widget.field.fill("half a sentence");
    server.chat.setOwner(server.channel, "closed", { kind: "system" }, "idle");
    await expect(widget.panel).toContainText("This conversation has ended.");
    await widget.panel.getByRole("button", { name: "Start a new conversation" }).click();
    await expect(widget.field).toHaveValue("half a sentence");
  });
});

test.describe("unread messages", () => {
  test("are counted while it is closed, and read when it is opened", async ({ widget, server }) => {
    await widget.open();
    await expect(widget.person).toBeEnabled();
    await widget.launcher.click();
    await expect(widget.panel).toBeHidden();
    for (const text of ["One", "Two"]) {
      server.chat.say(server.channel, { kind: "user", name: "Maya" }, { text });
    }
    await expect(widget.launcher).toHaveAccessibleName("Open chat, 2 new messages");
    await widget.launcher.click();
    await expect(widget.log).toContainText("Two");
    await widget.launcher.click();
    await expect(widget.launcher).toHaveAccessibleName("Open chat");
  });
});
