import { expect, it } from "vitest";
import { returnPath, signInPath } from "../account/paths.ts";
import { Problem, sorted, words } from "../account/problem.ts";
import { modules } from "../account/qr.ts";
import { assignment, Team } from "../account/team/team.ts";
import { deviceName, methodNames, roleName } from "../account/text.ts";

const ORIGIN = "https://syntera.example";

it("after signing in one goes to our own pages only", () => {
  const to = (path: string) => returnPath(`?${new URLSearchParams({ return_to: path })}`, ORIGIN);
  expect(to("/account/team?x=1#y")).toBe("/account/team?x=1#y");
  expect(returnPath(new URL(signInPath("/account/team"), ORIGIN).search, ORIGIN)).toBe(
    "/account/team",
  );
  for (const elsewhere of [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "javascript:alert(1)",
    "account/team",
    "//",
    "",
  ]) {
    expect(to(elsewhere), elsewhere).toBe("/account/security");
  }
  expect(returnPath("", ORIGIN)).toBe("/account/security");
});

function problem(code: string, more: object = {}, wait?: number): Problem {
  return new Problem({ code, title: "The title", ...more }, wait);
}

it("a problem is told in sentences", () => {
  expect(words(problem("conflict", { detail: "you have 20 passkeys" }))).toBe(
    "You have 20 passkeys.",
  );
  expect(words(problem("forbidden"))).toBe("The title.");
  expect(words(problem("rate_limited"))).toBe("Too many tries. Try again later.");
  for (const [seconds, told] of [
    [1, "a second"],
    [59, "59 seconds"],
    [60, "a minute"],
    [61, "2 minutes"],
  ] as const) {
    expect(words(problem("rate_limited", {}, seconds))).toBe(
      `Too many tries. Try again in ${told}.`,
    );
  }
});

it("details for programs are not shown", () => {
  for (const code of ["internal", "unavailable", "validation_failed", "link_expired"]) {
    const told = words(problem(code, { detail: "repeat the POST with its Idempotency-Key" }));
    expect(told, code).not.toContain("POST");
  }
});

it("errors go to their fields; the first of a field counts", () => {
  const { fields, rest } = sorted(
    problem("validation_failed", {
      errors: [
        { pointer: "/email", detail: "is not one" },
        { pointer: "/email", detail: "is too long" },
        { pointer: "/tags/3", detail: "is empty" },
        { pointer: "/role_id", detail: "is no role" },
        { pointer: "/token", detail: "is missing" },
        { detail: "is odd" },
      ],
    }),
    new Set(["email", "tags", "role"]),
    { role_id: "role" },
  );
  expect([...fields]).toEqual([
    ["email", "is not one"],
    ["tags", "is empty"],
    ["role", "is no role"],
  ]);
  expect(rest).toEqual(["is missing", "is odd"]);
});

it("devices are called by browser and system", () => {
  const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
  for (const [agent, name] of [
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Safari/537.36 Edg/140.0`,
      "Edge on Windows",
    ],
    [`Mozilla/5.0 (Linux; Android 15) ${chrome} Mobile Safari/537.36`, "Chrome on Android"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1",
      "Safari on iOS",
    ],
    ["curl/8.5.0", "curl/8.5.0"],
    ["", "Unknown device"],
    [null, "Unknown device"],
  ] as const) {
    expect(deviceName(agent)).toBe(name);
  }
});

it("codes of the API have names", () => {
  expect(methodNames(["password", "totp"])).toBe("password and authenticator app");
  const own = new Map([["r1", "Night shift"]]);
  expect(roleName("supervisor", null, own)).toBe("Supervisor");
  expect(roleName("custom", "r1", own)).toBe("Night shift");
  expect(roleName("custom", "gone", own)).toBe("custom");
});

function team(role: string): Team {
  const workspace = { id: "w", name: "Shop" };
  const person = { id: "u", email: "ada@example.com", email_verified: true, name: "Ada" };
  const me = { ...person, workspace, role, permissions: [], second_factor_demanded: false };
  return new Team(me, [{ id: "r1", name: "Night shift" }]);
}

it("a chosen role is sent as the API takes it", () => {
  const sent = team("owner").choices.map(([value]) => assignment(value));
  expect(sent).toEqual([
    { role: "owner" },
    { role: "admin" },
    { role: "supervisor" },
    { role: "agent" },
    { role: "viewer" },
    { role: "custom", role_id: "r1" },
  ]);
  expect(team("owner").roleField("custom", "r1").value).toBe("own:r1");
  expect(team("admin").choices.map(([value]) => value)).not.toContain("owner");
});

it("a QR code has its three corners and its quiet zone", () => {
  const { size, path } = modules("otpauth://totp/Syntera:ada?secret=JBSWY3DPEHPK3PXP");
  const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x},${y}`));
  expect((size - 8 - 17) % 4, "a size of ISO/IEC 18004").toBe(0);
  for (const [left, top] of [
    [4, 4],
    [size - 11, 4],
    [4, size - 11],
  ] as const) {
    for (let i = 0; i < 7; i += 1) {
      expect(dark.has(`${left + i},${top}`), "the upper edge").toBe(true);
      expect(dark.has(`${left},${top + i}`), "the left edge").toBe(true);
    }
  }
  for (let i = 0; i < size; i += 1) {
    for (let edge = 0; edge < 4; edge += 1) {
      expect(dark.has(`${i},${edge}`) || dark.has(`${edge},${i}`), "the quiet zone").toBe(false);
    }
  }
});
