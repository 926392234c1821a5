/**
 * The account pages, as people use them: an owner registers, proves the address, invites a colleague,
 * and protects the account; signing out everywhere reaches the other browser.
 */

import { createHmac, randomUUID } from "node:crypto";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { linkIn } from "../src/api.ts";
import { findings } from "../src/axe.ts";
import { eventually } from "../src/eventually.ts";

interface Person {
  email: string;
  password: string;
  name: string;
}

function person(name: string): Person {
  const email = `${name.toLowerCase()}-${randomUUID()}@e2e.example`;
  return { email, password: `pw-${randomUUID()}`, name };
}

/** Half a minute, in which an authenticator app shows one code (RFC 6238 §4.1). */
function step(): number {
  return Math.floor(Date.now() / 30_000);
}

/** The code of a step, from the secret as the page shows it (RFC 6238; RFC 4226 §5.3). */
function code(secret: string, at: number): string {
  const bits = [...secret]
    .map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter))
    .map((value) => value.toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(at));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** A page in a browser of its own, as another person or another device has. */
async function elsewhere(browser: Browser): Promise<Page> {
  return (await browser.newContext()).newPage();
}

async function signIn(page: Page, { email, password }: Person): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

async function heading(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
}

test("from registering to signing out everywhere", async ({ browser, page }) => {
  test.setTimeout(180_000);
  const [ada, bob] = [person("Ada"), person("Bob")];
  const shop = `Shop ${ada.email.slice(4, 12)}`;
  const colleague = await elsewhere(browser);
  const telephone = await elsewhere(browser);
  let secret = "";
  let confirmed = 0;
  let recovery = "";

  await test.step("register", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: "Register", exact: true }).click();
    expect(await findings(page)).toEqual([]);
    await page.getByLabel("E-mail").fill(ada.email);
    await page.getByLabel("Password").fill(ada.password);
    await page.getByLabel("Your name").fill(ada.name);
    await page.getByLabel("Your company").fill(shop);
    await page.getByRole("button", { name: "Register" }).click();
    await heading(page, "Your account");
    await expect(page.getByText(`The address ${ada.email} is not verified yet`)).toBeVisible();
    expect(await findings(page)).toEqual([]);
  });

  await test.step("verify the address by the letter", async () => {
    await page.goto(`/account/verify#token=${await linkIn("Verify", ada.email)}`);
    await expect(page.getByRole("status")).toHaveText("The address is verified. Thank you.");
    expect(new URL(page.url()).hash).toBe("");
    await page.getByRole("link", { name: "Go to your account" }).click();
    await expect(page.getByLabel("Name", { exact: true })).toHaveValue(ada.name);
    await expect(page.getByText("is not verified yet")).toBeHidden();
  });

  await test.step("invite a colleague", async () => {
    await page.getByRole("link", { name: "Team" }).click();
    await page.getByLabel("E-mail").fill(ada.email);
    await page.getByRole("button", { name: "Invite" }).click();
    // What is wrong is told at its field, and what was typed stays.
    await expect(page.getByLabel("E-mail")).toBeFocused();
    await expect(page.getByLabel("E-mail")).toHaveAccessibleDescription(/a member's/);
    await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
    await page.getByLabel("E-mail").fill(bob.email);
    await page.getByLabel("Role", { exact: true }).selectOption("Supervisor");
    await page.getByRole("button", { name: "Invite" }).click();
    await expect(page.getByText(`A letter is on its way to ${bob.email}.`)).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: bob.email })).toContainText(
      "Supervisor",
    );
    expect(await findings(page)).toEqual([]);
  });

  await test.step("the colleague joins and signs in", async () => {
    await colleague.goto(`/account/invite#token=${await linkIn("Join", bob.email)}`);
    await expect(colleague.getByRole("heading", { name: `Join ${shop}` })).toBeVisible();
    expect(await findings(colleague)).toEqual([]);
    await colleague.getByLabel("Your name").fill(bob.name);
    await colleague.getByLabel("Password").fill(bob.password);
    await colleague.getByRole("button", { name: "Join" }).click();
    await heading(colleague, "Team");
    await colleague.getByRole("button", { name: "Sign out" }).click();
    await heading(colleague, "Sign in");
    await signIn(colleague, bob);
    await heading(colleague, "Your account");
    await page.reload();
    await expect(page.getByRole("listitem").filter({ hasText: bob.email })).toContainText(
      `${bob.name} ${bob.email}, Supervisor`,
    );
  });

  await test.step("set up an authenticator app", async () => {
    await page.getByRole("link", { name: "Your account" }).click();
    const section = page.getByRole("region", { name: "Two-factor sign-in" });
    await section.getByLabel("Your password").fill(ada.password);
    await section.getByRole("button", { name: "Set up an authenticator app" }).click();
    await expect(section.getByRole("img", { name: /QR code/ })).toBeVisible();
    secret = await section.locator("#totp-secret").innerText();
    await section.getByLabel("Code", { exact: true }).fill("000000x");
    await section.getByRole("button", { name: "Confirm" }).click();
    await expect(section.getByLabel("Code", { exact: true })).toHaveAccessibleDescription(
      /is not right/,
    );
    confirmed = step();
    await section.getByLabel("Code", { exact: true }).fill(code(secret, confirmed));
    await section.getByRole("button", { name: "Confirm" }).click();
    const codes = page.getByRole("region", { name: "Your recovery codes" });
    await expect(codes.getByRole("listitem")).toHaveCount(10);
    recovery = await codes.getByRole("listitem").first().innerText();
    expect(await findings(page)).toEqual([]);
    await codes.getByRole("button", { name: "I have kept them" }).click();
    await expect(codes).toBeHidden();
    await expect(section).toContainText("Recovery codes left: 10.");
  });

  await test.step("sign in with a code", async () => {
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await heading(page, "Sign in");
    expect(await findings(page)).toEqual([]);
    await signIn(page, ada);
    await expect(page.getByLabel("Code", { exact: true })).toBeFocused();
    // The code that confirmed the app was good once; the next one is taken half a minute early.
    await page.getByLabel("Code", { exact: true }).fill(code(secret, confirmed + 1));
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await heading(page, "Your account");
  });

  await test.step("sign in elsewhere with a recovery code", async () => {
    await telephone.goto("/account/team");
    await heading(telephone, "Sign in");
    await signIn(telephone, ada);
    await telephone.getByLabel("Code", { exact: true }).fill(recovery);
    await telephone.getByRole("button", { name: "Sign in", exact: true }).click();
    await heading(telephone, "Team");
    await expect(telephone.getByText(`${ada.name} (you)`)).toBeVisible();
  });

  await test.step("sign out everywhere", async () => {
    await page.reload();
    const sessions = page.getByRole("region", { name: "Where you are signed in" });
    await expect(sessions.getByRole("listitem")).toHaveCount(2);
    await sessions.getByRole("button", { name: "Sign out everywhere" }).click();
    await heading(page, "Sign in");
    // Within a second, as it is promised; a loaded machine may take longer.
    await eventually(async () => {
      await telephone.goto("/account/security");
      await telephone.waitForURL(/\/account\/sign-in/, { timeout: 1_000 });
      return true;
    }, "the other browser is signed out");
    await heading(telephone, "Sign in");
    await colleague.reload();
    await heading(colleague, "Your account");
  });
  for (const other of [colleague, telephone]) await other.context().close();
});
