/** The identity providers that sign one in, and unlinking them. */

import { element } from "../../element.ts";
import { all, call } from "../api.ts";
import { ask } from "../dialog.ts";
import { given, passwordField, say } from "../forms.ts";
import { box } from "../page.ts";
import type { Identity } from "../shapes.ts";
import { time } from "../text.ts";

export async function drawIdentities(): Promise<void> {
  const identities = await all<Identity>("/auth/identities");
  box("linked").hidden = identities.length === 0;
  box("linked-list").replaceChildren(...identities.map(row));
}

function row(identity: Identity): HTMLElement {
  const name = element("strong", "", identity.name);
  const where = `, in ${identity.workspace_name}, last used `;
  const about = element("p", "", name, where, time(identity.last_used_at));
  const unlink = element("button", "quiet", "Unlink");
  unlink.ariaLabel = `Unlink ${identity.name}`;
  unlink.addEventListener("click", async () => {
    const done = await ask({
      title: `Unlink ${identity.name}`,
      text: "Where it signed you in you are signed out. It knows you again once you sign in by it again.",
      fields: [passwordField()],
      action: "Unlink",
      run: async ({ password }) => {
        const path = `/auth/identities/${identity.issuer_id}`;
        await call("DELETE", path, { password: given(password) });
        await drawIdentities();
      },
    });
    if (!done) return;
    box("linked").hidden = false;
    say(box("linked-state"), "The identity provider is unlinked.");
  });
  return element("li", "", about, element("div", "buttons", unlink));
}
