/** The pages for people who are signed in: their account and their team. */

import { expect } from "@playwright/test";
import { findings, furnish, ME, NOW, open, problem, test } from "./fixture.ts";

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
  expect(await findings(page)).toEqual([]);
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

test("an identity provider is unlinked with the password", async ({ page, api }) => {
  furnish(api);
  api.on("DELETE /auth/identities/i", () => {
    api.on("GET /auth/identities", [200, { items: [], next_cursor: null }]);
    return [204];
  });
  await open(page, "security");
  const section = page.getByRole("region", { name: "Identity providers" });
  await expect(section.getByText("Login Inc., in Another Shop")).toBeVisible();
  await section.getByRole("button", { name: "Unlink Login Inc." }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password").fill("secret");
  await dialog.getByRole("button", { name: "Unlink" }).click();
  await expect(section.getByText("The identity provider is unlinked.")).toBeFocused();
  await expect(section.getByRole("listitem")).toHaveCount(0);
  expect(api.bodies("DELETE /auth/identities/i")).toEqual([{ password: "secret" }]);
});

test("a member is removed after a question, by keyboard", async ({ page, api }) => {
  furnish(api);
  await open(page, "team");
  await page.getByRole("button", { name: "Remove: Bob" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "Remove Bob?" });
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  expect(await findings(page)).toEqual([]);
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

test("a workspace that wants a second factor says so until there is one", async ({ page, api }) => {
  furnish(api);
  api.on("GET /auth/me", [200, { ...ME, permissions: [], second_factor_demanded: true }]);
  api.on("GET /auth/roles", problem(403, "second_factor_setup_required"));
  await open(page, "team");
  await expect(page.getByText("This workspace wants a second factor.")).toBeFocused();
  await open(page, "security");
  const demand = page.getByText("This workspace wants a second factor, and lets you do nothing");
  await expect(demand).toBeVisible();
  expect(await findings(page)).toEqual([]);

  const section = page.getByRole("region", { name: "Two-factor sign-in" });
  const setup = { setup_id: "tk", secret: "JBSWY3DP", otpauth_url: "otpauth://totp/x" };
  api.on("POST /auth/totp", [200, setup]);
  api.on("POST /auth/totp/confirm", [200, { recovery_codes: ["7k2mq-01ft0"] }]);
  api.on("POST /auth/refresh", [200, {}]);
  await section.getByRole("button").click();
  await section.getByLabel("Code", { exact: true }).fill("123456");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your recovery codes" })).toBeFocused();
  await expect(demand).toBeHidden();
  expect(api.bodies("POST /auth/refresh")).toHaveLength(1);
});

test("a second factor is demanded of the team, once one has it", async ({ page, api }) => {
  furnish(api);
  const detail = "you would lock yourself out: set up an authenticator app or a passkey first";
  const errors = { "/require_second_factor": "needs a second factor of your own first" };
  api.on("PATCH /auth/workspace", problem(409, "conflict", errors, { detail }));
  await open(page, "team");
  const section = page.getByRole("region", { name: "Second factor" });
  const button = section.getByRole("button", { name: "Demand a second factor of everybody" });
  await button.click();
  await expect(section.getByText("You would lock yourself out")).toBeFocused();
  api.on("PATCH /auth/workspace", [200, { require_second_factor: true }]);
  await button.click();
  await expect(section.getByText("It is demanded now.")).toBeVisible();
  await expect(section.getByRole("button", { name: "Demand it no longer" })).toBeVisible();
  const wanted = { require_second_factor: true };
  expect(api.bodies("PATCH /auth/workspace")).toEqual([wanted, wanted]);
});
