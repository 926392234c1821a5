/** The account pages in a browser: what is told where, what is sent, and what keyboards and readers get. */

import { createRequire } from "node:module";
import { expect, type Page } from "@playwright/test";
import { findingsBy } from "../../testing/axe.ts";
import { type FakeApi, page as listOf, ME, problem, test } from "./fixture.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const NOW = "2026-03-01T12:00:00Z";
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

/** Somebody is signed in, with something in every list. */
function furnish(api: FakeApi): void {
  api.on("GET /auth/me", [200, ME]);
  api.on("GET /auth/factors", [
    200,
    {
      totp_since: null,
      recovery_codes_left: 0,
      passkeys: 1,
      issuers: [{ id: "i", name: "Login Inc.", linked_at: NOW, last_used_at: NOW }],
    },
  ]);
  api.on(
    "GET /auth/passkeys",
    listOf({ id: "p", name: "my key", created_at: NOW, last_used_at: null }),
  );
  const session = {
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    address: "192.0.2.7",
    methods: ["password", "totp"],
    created_at: NOW,
    last_used_at: NOW,
  };
  api.on(
    "GET /auth/sessions",
    listOf({ ...session, id: "s1", current: true }, { ...session, id: "s2", current: false }),
  );
  api.on("GET /auth/roles", listOf({ id: "r", name: "Night shift" }));
  api.on("GET /auth/workspaces", listOf(ME.workspace, { id: "w", name: "Another Shop" }));
  const member = { email_verified: true, second_factor: true, role_id: null, joined_at: NOW };
  api.on(
    "GET /auth/members",
    listOf(
      { ...member, user_id: ME.id, name: "Ada", email: ME.email, role: "owner" },
      { ...member, user_id: "b", name: "Bob", email: "bob@example.com", role: "viewer" },
    ),
  );
  api.on(
    "GET /auth/invites",
    listOf({
      id: "v",
      email: "eve@example.com",
      role: "custom",
      role_id: "r",
      sent_at: NOW,
      expires_at: NOW,
    }),
  );
  api.on("POST /auth/invites/lookup", [
    200,
    {
      workspace_name: "Juniper & Pine",
      email: "bob@example.com",
      role: "agent",
      role_name: null,
      account: "none",
    },
  ]);
  api.on("POST /auth/email/verify", [204]);
}

async function open(page: Page, name: string): Promise<void> {
  await page.goto(`/account/${name}`);
  await page.waitForLoadState("networkidle");
}

for (const scheme of ["light", "dark"] as const) {
  test(`axe finds nothing, in the ${scheme}, on a telephone`, async ({ page, api }) => {
    furnish(api);
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 740 });
    for (const name of PAGES) {
      await open(page, name);
      await expect(page.getByText("Loading…")).toHaveCount(0);
      expect(await findingsBy(AXE, page), name).toEqual([]);
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
  expect(await findingsBy(AXE, page)).toEqual([]);

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

test("an access token that is over is renewed once for all that ask", async ({ page, api }) => {
  furnish(api);
  let good = true;
  for (const name of ["factors", "passkeys", "sessions"]) {
    const answer = api.answers.get(`GET /auth/${name}`);
    if (!Array.isArray(answer)) throw new Error(name);
    good = false;
    api.on(`GET /auth/${name}`, () => (good ? answer : problem(401, "unauthenticated")));
  }
  api.on("POST /auth/refresh", () => {
    good = true;
    return [200, {}];
  });
  await open(page, "security");
  await expect(page.getByRole("heading", { name: "Passkeys" })).toBeVisible();
  expect(api.bodies("POST /auth/refresh")).toHaveLength(1);
});

test("who is not signed in goes to sign in, and comes back", async ({ page, api }) => {
  api.on("GET /auth/me", problem(401, "session_revoked"));
  await open(page, "security");
  await page.waitForURL("/account/sign-in?return_to=%2Faccount%2Fsecurity");
  expect(api.bodies("POST /auth/refresh")).toEqual([]);
});

test("an authenticator app is set up, and its codes are shown once", async ({ page, api }) => {
  furnish(api);
  await open(page, "security");
  const section = page.getByRole("region", { name: "Two-factor sign-in" });
  api.on(
    "POST /auth/totp",
    problem(422, "validation_failed", { "/password": "is needed for this" }),
  );
  await section.getByRole("button").click();
  await expect(section.getByLabel("Your password")).toBeFocused();
  api.on("POST /auth/totp", [
    200,
    {
      setup_id: "tk",
      secret: "JBSWY3DP",
      otpauth_url: "otpauth://totp/Syntera:ada?secret=JBSWY3DP",
    },
  ]);
  await section.getByLabel("Your password").fill("secret");
  await page.keyboard.press("Enter");
  await expect(
    section.getByRole("img", { name: "QR code for the authenticator app" }),
  ).toBeVisible();
  await expect(section.getByText("JBSWY3DP")).toBeVisible();
  const codes = Array.from({ length: 10 }, (_, i) => `7k2mq-01ft${i}`);
  api.on("POST /auth/totp/confirm", [200, { recovery_codes: codes }]);
  api.on("GET /auth/factors", [
    200,
    { totp_since: NOW, recovery_codes_left: 10, passkeys: 0, issuers: [] },
  ]);
  await section.getByLabel("Code", { exact: true }).fill("123456");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your recovery codes" })).toBeFocused();
  expect(api.bodies("POST /auth/totp/confirm")).toEqual([{ setup_id: "tk", code: "123456" }]);
  expect(await findingsBy(AXE, page)).toEqual([]);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("syntera-recovery-codes.txt");
  await page.getByRole("button", { name: "I have kept them" }).click();
  await expect(page.getByText("7k2mq")).toHaveCount(0);
});

test("a passkey is added and signs in", async ({ page, api }) => {
  furnish(api);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
    },
  });
  const challenge = "AAECAwQFBgcICQoLDA0ODw";
  const options = {
    challenge,
    rp: { id: "localhost", name: "Syntera" },
    user: { id: "AZMAAAAAcACAAAAAAAAAAQ", name: "ada@example.com", displayName: "Ada" },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }],
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  };
  api.on("POST /auth/passkeys/options", [200, { challenge_id: "tk_1", options }]);
  api.on("POST /auth/passkeys", [201, {}]);
  await open(page, "security");
  const section = page.getByRole("region", { name: "Passkeys" });
  await section.getByLabel("Name of a new passkey").fill("my telephone");
  await section.getByLabel("Your password").fill("secret");
  await section.getByRole("button", { name: "Add a passkey" }).click();
  await expect(section.getByText("The passkey is added.")).toBeVisible();
  expect(api.bodies("POST /auth/passkeys/options")).toEqual([{ password: "secret" }]);
  const text = expect.stringMatching(/^[\w-]+$/);
  expect(api.bodies("POST /auth/passkeys")).toEqual([
    {
      challenge_id: "tk_1",
      name: "my telephone",
      credential: expect.objectContaining({
        id: text,
        type: "public-key",
        response: expect.objectContaining({ attestationObject: text, clientDataJSON: text }),
      }),
    },
  ]);

  const request = { challenge, rpId: "localhost", userVerification: "required" };
  api.on("POST /auth/passkeys/login/options", [200, { challenge_id: "tk_2", options: request }]);
  api.on("POST /auth/passkeys/login", [200, {}]);
  await open(page, "sign-in?return_to=/account/team");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL("/account/team");
  expect(api.bodies("POST /auth/passkeys/login")).toEqual([
    {
      challenge_id: "tk_2",
      credential: expect.objectContaining({
        response: expect.objectContaining({
          signature: text,
          userHandle: "AZMAAAAAcACAAAAAAAAAAQ",
        }),
      }),
    },
  ]);
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

test("a member is removed after a question, by keyboard", async ({ page, api }) => {
  furnish(api);
  await open(page, "team");
  await page.getByRole("button", { name: "Remove: Bob" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "Remove Bob?" });
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  expect(await findingsBy(AXE, page)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Remove: Bob" })).toBeFocused();
  expect(api.bodies("DELETE /auth/members/b")).toEqual([]);

  api.on("DELETE /auth/members/b", problem(409, "last_owner", {}, { detail: "make another one" }));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Make another one.")).toBeFocused();
  api.on("DELETE /auth/members/b", [204]);
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByText("Bob is removed.")).toBeFocused();
});

test("a role of the workspace's own is given by its id", async ({ page, api }) => {
  furnish(api);
  api.on("PATCH /auth/members/b", problem(422, "validation_failed", { "/role_id": "is no role" }));
  await open(page, "team");
  await page.getByRole("button", { name: "Change role: Bob" }).click();
  const role = page.getByRole("dialog").getByLabel("Role");
  await expect(role).toHaveValue("viewer");
  await role.selectOption("Night shift");
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await expect(role).toBeFocused();
  await expect(role).toHaveAccessibleDescription("Role is no role.");
  expect(api.bodies("PATCH /auth/members/b")).toEqual([{ role: "custom", role_id: "r" }]);
});
