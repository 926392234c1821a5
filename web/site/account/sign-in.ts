/** Signing in: by password with a code where one is wanted, by passkey, or by an identity provider. */

import { element } from "../element.ts";
import { call } from "./api.ts";
import { onSubmit, say } from "./forms.ts";
import { box, form, part, show, takeFragment, wanted } from "./page.ts";
import * as passkeys from "./passkeys.ts";
import { Problem } from "./problem.ts";
import type { LoginOptions } from "./shapes.ts";

/** Why an identity provider's way back ended here, by the code in the fragment. */
const REFUSALS: Record<string, string> = {
  issuer_unknown: "This identity provider is not known here any more.",
  issuer_unavailable: "The identity provider does not answer. Try again in a moment.",
  issuer_declined: "The identity provider did not sign you in.",
  issuer_invalid: "What the identity provider answered cannot be trusted. Tell your admin.",
  link_expired: "That took too long, or was done twice. Sign in again.",
  email_not_vouched: "The identity provider does not say that the e-mail address is yours.",
  email_domain_not_vouched: "The identity provider does not speak for the domain of your address.",
  email_not_verified:
    "There is an account with your address that nobody has proven. Set a password by mail first.",
  confirm_by_mail:
    "You have an account already. Open the link in the mail that we sent you to join, then sign in again.",
  not_a_member: "You are no member of this workspace. Ask an admin for an invitation.",
  issuer_not_trusted:
    "You may do more than those who set up the identity provider. An owner must change it first.",
  identity_conflict:
    "The identity provider had another name for you before. Ask an admin to remove and invite you again.",
};

const first = box("first");
const second = form("code-form");
const notice = box("notice");
let mfaToken: string | undefined;

function enter(): undefined {
  location.assign(wanted());
}

const refusal = takeFragment().get("error");
if (refusal !== null) say(notice, REFUSALS[refusal] ?? "You could not be signed in. Try again.");

onSubmit(form("password-form"), async ({ email, password }) => {
  notice.hidden = true;
  try {
    await call("POST", "/auth/login", { email, password });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "second_factor_required") throw error;
    mfaToken = error.document.mfa_token;
    show(second, first);
    part("code", HTMLInputElement).focus();
    return undefined;
  }
  return enter();
});

onSubmit(second, async ({ code }) => {
  try {
    await call("POST", "/auth/login/second-factor", { mfa_token: mfaToken, code });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "link_expired") throw error;
    show(first, second);
    second.reset();
    say(notice, "That took too long, or there were too many wrong codes. Sign in again.");
    return undefined;
  }
  return enter();
});

box("again").addEventListener("click", () => {
  second.reset();
  show(first, second);
});

form("passkey-form").hidden = !passkeys.possible();
onSubmit(form("passkey-form"), async () => {
  notice.hidden = true;
  await passkeys.signInByPasskey();
  return enter();
});

/** The domain whose identity providers are shown. */
let shown = "";

/** Shows the identity providers that speak for the domain of the address. */
async function showIssuers(email: string): Promise<void> {
  const domain = email.slice(email.lastIndexOf("@") + 1);
  if (!email.includes("@") || domain === shown) return;
  shown = domain;
  const { issuers } = await call<LoginOptions>("POST", "/auth/login/options", { email });
  const links = issuers.map(({ id, name }) => {
    const link = element("a", "button quiet", `Sign in with ${name}`);
    link.href = `/api/v1/auth/oidc/${id}/start?${new URLSearchParams({ return_to: wanted() })}`;
    return element("p", "", link);
  });
  if (domain === shown) box("issuers").replaceChildren(...links);
}

const email = part("email", HTMLInputElement);
email.addEventListener("change", () => {
  // Without an answer there is still the password.
  showIssuers(email.value.trim()).catch(() => {
    shown = "";
  });
});
