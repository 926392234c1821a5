/** What the account pages share: their parts, their addresses, and who is signed in. */

import { call } from "./api.ts";
import { onSubmit, say, unforeseen } from "./forms.ts";
import { leave, returnPath, SIGN_IN } from "./paths.ts";
import { isSignedOut, Problem, words } from "./problem.ts";
import type { Me } from "./shapes.ts";

/** An element of the page's own markup. */
export function part<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

export function form(id: string): HTMLFormElement {
  return part(id, HTMLFormElement);
}

export function box(id: string): HTMLElement {
  return part(id, HTMLElement);
}

/** Shows one of several parts of the page, and moves the focus to its heading or first field. */
export function show(wanted: HTMLElement, ...others: HTMLElement[]): void {
  for (const other of others) other.hidden = true;
  wanted.hidden = false;
  wanted.querySelector<HTMLElement>("h1, h2, input")?.focus();
}

/**
 * What stands in the address after the `#`, where no server sees it. It is taken out of the address and
 * the history at once, because it may be a secret.
 */
export function takeFragment(): URLSearchParams {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  // Another link to this page, opened in the same tab, changes nothing but the fragment.
  addEventListener("hashchange", () => location.reload());
  return fragment;
}

/** Where to go once signed in. */
export function wanted(): string {
  return returnPath(location.search, location.origin);
}

/**
 * Runs a page that is for people who are signed in; the others are sent to sign in. Until then the page
 * shows nothing but that it loads.
 */
export async function signedIn(run: (me: Me) => Promise<void>): Promise<void> {
  const state = box("state");
  document
    .querySelector(`nav a[href="${location.pathname}"]`)
    ?.setAttribute("aria-current", "page");
  try {
    const me = await call<Me>("GET", "/auth/me");
    banner(me);
    onSubmit(form("sign-out"), async () => {
      await call("POST", "/auth/logout");
      location.assign(SIGN_IN);
      return undefined;
    });
    await run(me);
    state.textContent = "";
    box("content").hidden = false;
  } catch (error) {
    if (isSignedOut(error)) leave();
    else say(state, words(error instanceof Problem ? error : unforeseen(error)));
  }
}

/** Tells people whose address nobody has proven, and offers another letter. */
function banner(me: Me): void {
  const banner = form("unverified");
  banner.hidden = me.email_verified;
  box("unverified-email").textContent = me.email;
  onSubmit(banner, async () => {
    await call("POST", "/auth/email/verification");
    return "A new link is on its way. Earlier ones are no longer good.";
  });
}
