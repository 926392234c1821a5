/** The account pages in a browser: what all of them have, and those for people who are not signed in. */

import { expect } from "@playwright/test";
import { findings, furnish, open, problem, test } from "./fixture.ts";

const PAGES = [
  "register",
  "sign-in",
  "verify#token=tk",
  "forgotten",
  "reset#token=tk",
  "invite#token=tk",
  "security",
  "team",
];

for (const scheme of ["light", "dark"] as const) {
  test(`axe finds nothing, in the ${scheme}, on a telephone`, async ({ page, api }) => {
    furnish(api);
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 740 });
    for (const name of PAGES) {
      await open(page, name);
      await expect(page.getByText("Loading…")).toHaveCount(0);
      expect(await findings(page), name).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, `${name} does not scroll sideways`).toBe(360);
      const [file] = name.split("#");
      await page.screenshot({
        path: `test-results/shots/account-${file}-${scheme}.png`,
        fullPage: true,
      });
    }
  });
}

test("what is wrong is told at its field, and what was typed stays", async ({ page, api }) => {
  api.on(
    "POST /auth/register",
    problem(422, "validation_failed", {
      "/password": "must have 8 to 128 characters",
      "/workspace_name": "is too odd",
    }),
  );
  await open(page, "register");
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Password").fill("long enough");
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Your company").fill("Shop");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Password")).toBeFocused();
  await expect(page.getByLabel("Password")).toHaveAccessibleDescription(
    "Password must have 8 to 128 characters. 8 to 128 characters.",
  );
  await expect(page.getByLabel("Your company")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("E-mail")).toHaveValue("ada@example.com");
  expect(await findings(page)).toEqual([]);

  api.on("POST /auth/register", [201, { next: "verify_email" }]);
  api.on("POST /auth/login", problem(401, "invalid_credentials"));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Check your mail" })).toBeFocused();
  await expect(page.getByText("ada@example.com")).toBeVisible();
});

test("what belongs to no field is told once, where the focus goes", async ({ page, api }) => {
  const detail = "the e-mail address or the password is not right";
  api.on("POST /auth/login", problem(401, "invalid_credentials", {}, { detail }));
  await open(page, "sign-in");
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  const alert = page.getByText("The e-mail address or the password is not right.");
  await expect(alert).toBeFocused();
  expect(api.bodies("POST /auth/refresh")).toEqual([]);
});

test("a second step, from which one can go back", async ({ page, api }) => {
  api.on(
    "POST /auth/login",
    problem(401, "second_factor_required", {}, { mfa_token: "tk_1", methods: ["totp"] }),
  );
  api.on("POST /auth/login/second-factor", problem(410, "link_expired"));
  await open(page, "sign-in?return_to=/account/team");
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Password").fill("secret");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Code")).toBeFocused();
  await page.keyboard.type("123 456");
  await page.keyboard.press("Enter");
  await expect(page.getByText("That took too long")).toBeFocused();
  api.on("POST /auth/login/second-factor", [200, {}]);
  furnish(api);
  await page.getByLabel("Password").press("Enter");
  await page.getByLabel("Code").fill("123456");
  await page.keyboard.press("Enter");
  await page.waitForURL("/account/team");
  expect(api.bodies("POST /auth/login/second-factor")).toEqual([
    { mfa_token: "tk_1", code: "123 456" },
    { mfa_token: "tk_1", code: "123456" },
  ]);
});

test("the company's identity provider is offered by the address", async ({ page, api }) => {
  api.on("POST /auth/login/options", [200, { issuers: [{ id: "i1", name: "Login Inc." }] }]);
  await open(page, "sign-in?return_to=https://evil.example/#error=not_a_member");
  await expect(page.getByText("You are no member of this workspace.")).toBeFocused();
  expect(new URL(page.url()).hash).toBe("");
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("E-mail").blur();
  await expect(page.getByRole("link", { name: "Sign in with Login Inc." })).toHaveAttribute(
    "href",
    "/api/v1/auth/oidc/i1/start?return_to=%2Faccount%2Fsecurity",
  );
});

test("a link is spent once, and leaves no trace in the address", async ({ page, api }) => {
  api.on("POST /auth/email/verify", problem(503, "unavailable"));
  await open(page, "verify#token=tk_a-b");
  expect(new URL(page.url()).hash).toBe("");
  await expect(page.getByText("Something does not work on our side")).toBeFocused();
  api.on("POST /auth/email/verify", [204]);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("The address is verified.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Try again" })).toBeHidden();
  expect(api.bodies("POST /auth/email/verify")).toEqual([{ token: "tk_a-b" }, { token: "tk_a-b" }]);
});

test("an invitation of somebody with an account takes the link alone", async ({ page, api }) => {
  furnish(api);
  const details = { workspace_name: "Shop", email: "bob@example.com", role: "custom" };
  api.on("POST /auth/invites/lookup", [
    200,
    { ...details, role_name: "Night shift", account: "exists" },
  ]);
  api.on("POST /auth/invites/accept", [204]);
  await open(page, "invite#token=tk");
  await expect(page.getByText("Night shift")).toBeVisible();
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page.getByRole("heading", { name: "You have joined" })).toBeFocused();
  expect(api.bodies("POST /auth/invites/accept")).toEqual([{ token: "tk" }]);
});

test("who is not signed in goes to sign in, and comes back", async ({ page, api }) => {
  api.on("GET /auth/me", problem(401, "session_revoked"));
  await open(page, "security");
  await page.waitForURL("/account/sign-in?return_to=%2Faccount%2Fsecurity");
  expect(api.bodies("POST /auth/refresh")).toEqual([]);
});

test("a form that is sent before the script has come tells the address nothing", async ({
  page,
}) => {
  await page.route("**/*.js", (route) => route.abort());
  for (const name of PAGES) {
    await page.goto(`/account/${name}`);
    const forms = page.locator("form");
    const methods = await forms.evaluateAll((all) =>
      all.map((form) => (form as HTMLFormElement).method),
    );
    expect(methods.length, name).toBeGreaterThan(0);
    expect(new Set(methods), name).toEqual(new Set(["post"]));
  }
});
