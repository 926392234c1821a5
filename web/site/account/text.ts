/** Things of the API in the words of people. */

import { element } from "../element.ts";

const ROLES: Record<string, string> = {
  owner: "Owner",
  admin: "Admin",
  supervisor: "Supervisor",
  agent: "Agent",
  viewer: "Viewer",
};

/** The roles that there are in every workspace, the mightiest first. */
export const BUILT_IN = Object.keys(ROLES);

/** What a role is called; `own` are the names of the workspace's own ones by their id. */
export function roleName(
  role: string,
  id: string | null,
  own: ReadonlyMap<string, string>,
): string {
  return (id === null ? ROLES[role] : own.get(id)) ?? role;
}

const METHODS: Record<string, string> = {
  password: "password",
  totp: "authenticator app",
  recovery_code: "recovery code",
  passkey: "passkey",
  issuer: "identity provider",
};

/** How somebody signed in. */
export function methodNames(methods: string[]): string {
  return methods.map((method) => METHODS[method] ?? method).join(" and ");
}

/** Names as browsers write them, the more special before those whose name they carry too. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/\b(iPhone|iPad)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** What a `User-Agent` says of a device; a program's is told as it is. */
export function deviceName(userAgent: string | null): string {
  if (!userAgent) return "Unknown device";
  const named = (list: [RegExp, string][]) => list.find(([sign]) => sign.test(userAgent))?.[1];
  const browser = named(BROWSERS);
  const system = named(SYSTEMS);
  if (!browser) return userAgent;
  return system ? `${browser} on ${system}` : browser;
}

/** A time as the reader writes it. */
export function time(at: string): HTMLTimeElement {
  const style = { dateStyle: "medium", timeStyle: "short" } as const;
  const made = element("time", "", new Date(at).toLocaleString(undefined, style));
  made.dateTime = at;
  return made;
}
