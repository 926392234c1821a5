/** The authenticator app (RFC 6238) and its recovery codes. */

import { element } from "../../element.ts";
import { call } from "../api.ts";
import { ask } from "../dialog.ts";
import { field, given, onSubmit, passwordField, say, type Values } from "../forms.ts";
import { box, part } from "../page.ts";
import { qrCode } from "../qr.ts";
import type { Factors, RecoveryCodes, TotpSetup } from "../shapes.ts";
import { time } from "../text.ts";
import { meetDemand } from "./demand.ts";

const CODE = {
  name: "code",
  label: "Code",
  autocomplete: "one-time-code",
  maxLength: 20,
} as const;

/** Draws what there is, now and after each change. */
export async function drawFactors(): Promise<void> {
  const factors = await call<Factors>("GET", "/auth/factors");
  box("totp").replaceChildren(...(factors.totp_since ? present(factors) : absent()));
}

function absent(): Node[] {
  const form = element(
    "form",
    "",
    field(passwordField()),
    element("div", "buttons", element("button", "", "Set up an authenticator app")),
  );
  onSubmit(form, async ({ password }) => {
    const body = { password: given(password) };
    drawSetup(await call<TotpSetup>("POST", "/auth/totp", body));
    return undefined;
  });
  const what = "Signing in by password then takes a code of an app on your telephone, too.";
  return [element("p", "", what), form];
}

/** The second half: the app shows a code, which proves that it has the secret. */
function drawSetup(setup: TotpSetup): void {
  const secret = element("code", "secret", setup.secret);
  secret.id = "totp-secret";
  const cancel = element("button", "quiet", "Cancel");
  cancel.type = "button";
  cancel.addEventListener("click", () => box("totp").replaceChildren(...absent()));
  const form = element(
    "form",
    "",
    field({ ...CODE, hint: "The six digits that the app shows now." }),
    element("div", "buttons", element("button", "", "Confirm"), cancel),
  );
  onSubmit(form, async ({ code }) => {
    const body = { setup_id: setup.setup_id, code };
    const made = await call<RecoveryCodes>("POST", "/auth/totp/confirm", body);
    await meetDemand();
    await drawFactors();
    showCodes(made.recovery_codes);
    return undefined;
  });
  const lead = element("p", "", "Scan this with an authenticator app.");
  const typed = element("p", "", "Or type this into the app: ", secret);
  box("totp").replaceChildren(lead, qrCode(setup.otpauth_url), typed, form);
  say(lead, lead.textContent ?? "");
}

function present({ totp_since, recovery_codes_left }: Factors): Node[] {
  const fresh = element("button", "quiet", "Make new recovery codes");
  fresh.addEventListener("click", () => replaceCodes());
  const remove = element("button", "quiet", "Remove the app");
  remove.addEventListener("click", () => removeApp());
  return [
    element("p", "", "An authenticator app is set up since ", time(totp_since ?? ""), "."),
    element("p", "", `Recovery codes left: ${recovery_codes_left}.`),
    element("div", "buttons", fresh, remove),
  ];
}

/** What proves who one is: a code, and the password if there is one. */
const PROOF = [{ ...CODE, hint: "Of the app, or a recovery code." }, passwordField()];

function proven({ code, password }: Values): { code: string | undefined; password?: string } {
  const known = given(password);
  return { code, ...(known === undefined ? {} : { password: known }) };
}

async function replaceCodes(): Promise<void> {
  let made: RecoveryCodes | undefined;
  const done = await ask({
    title: "Make new recovery codes",
    text: "The old ones are no longer good.",
    fields: PROOF,
    action: "Make new ones",
    run: async (values) => {
      made = await call<RecoveryCodes>("POST", "/auth/recovery-codes", proven(values));
      await drawFactors();
    },
  });
  if (done && made) showCodes(made.recovery_codes);
}

async function removeApp(): Promise<void> {
  const done = await ask({
    title: "Remove the authenticator app",
    text: "Its recovery codes go with it. The password alone signs in again.",
    fields: PROOF,
    action: "Remove",
    run: async (values) => {
      await call("DELETE", "/auth/totp", proven(values));
      await drawFactors();
    },
  });
  if (!done) return;
  box("codes").hidden = true;
  const message = element("p", "");
  box("totp").prepend(message);
  say(message, "The authenticator app is removed.");
}

/** Shows recovery codes until they are said to be kept. They cannot be asked for again. */
function showCodes(codes: string[]): void {
  const section = box("codes");
  const text = `${codes.join("\n")}\n`;
  const state = box("codes-state");
  state.textContent = "";
  box("code-list").replaceChildren(
    ...codes.map((code) => element("li", "", element("code", "", code))),
  );
  const copy = part("copy-codes", HTMLButtonElement);
  // Browsers have a clipboard on pages that came safely only.
  copy.hidden = !navigator.clipboard;
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      state.textContent = "The codes are copied.";
    } catch {
      state.textContent = "The browser does not let us copy. Select the codes, or download them.";
    }
  };
  const file = element("a", "");
  file.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  file.download = "syntera-recovery-codes.txt";
  part("download-codes", HTMLButtonElement).onclick = () => file.click();
  part("kept-codes", HTMLButtonElement).onclick = () => {
    URL.revokeObjectURL(file.href);
    box("code-list").replaceChildren();
    section.hidden = true;
    box("totp").querySelector<HTMLElement>("button")?.focus();
  };
  section.hidden = false;
  box("codes-title").focus();
}
