/** Proving an address, by the link in a letter. */

import { call } from "./api.ts";
import { onSubmit } from "./forms.ts";
import { box, form, takeFragment } from "./page.ts";
import { Problem } from "./problem.ts";

const token = takeFragment().get("token");
const state = box("state");
const again = form("verify");

/** What the API says of a link that is not good, and never will be. */
const OVER = ["link_expired", "validation_failed"];

function end(message: string): void {
  state.textContent = message;
  again.hidden = true;
  box("onward").hidden = false;
}

onSubmit(again, async () => {
  try {
    await call("POST", "/auth/email/verify", { token });
    end("The address is verified. Thank you.");
  } catch (error) {
    if (error instanceof Problem && OVER.includes(error.code)) {
      end(
        "This link is no longer good. Was it used already? Else sign in and ask for another one.",
      );
      return undefined;
    }
    // It may go well the next time.
    state.textContent = "";
    again.hidden = false;
    throw error;
  }
  return undefined;
});

if (token) again.requestSubmit();
else end("Open this page by the link in the mail that we sent you.");
