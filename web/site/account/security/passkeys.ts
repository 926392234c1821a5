/** One's passkeys: adding, renaming, removing. */

import { element } from "../../element.ts";
import { all, call } from "../api.ts";
import { ask } from "../dialog.ts";
import { given, onSubmit, passwordField, say } from "../forms.ts";
import { box, form } from "../page.ts";
import { addPasskey, possible } from "../passkeys.ts";
import type { Passkey } from "../shapes.ts";
import { time } from "../text.ts";
import { meetDemand } from "./demand.ts";

export async function drawPasskeys(): Promise<void> {
  const add = form("passkey-form");
  add.hidden = !possible();
  box("no-passkeys").hidden = possible();
  onSubmit(add, async ({ name, password }) => {
    await addPasskey(name ?? "", given(password));
    await meetDemand();
    add.reset();
    await drawList();
    return "The passkey is added.";
  });
  await drawList();
}

async function drawList(): Promise<void> {
  const passkeys = await all<Passkey>("/auth/passkeys");
  box("passkey-list").replaceChildren(...passkeys.map(row));
}

function row(passkey: Passkey): HTMLElement {
  const name = element("strong", "", passkey.name);
  const used = passkey.last_used_at ? [", last used ", time(passkey.last_used_at)] : [];
  const about = element("p", "", name, ", added ", time(passkey.created_at), ...used);
  const rename = element("button", "quiet", "Rename");
  rename.ariaLabel = `Rename ${passkey.name}`;
  rename.addEventListener("click", async () => {
    const path = `/auth/passkeys/${passkey.id}`;
    const done = await ask({
      title: "Rename the passkey",
      fields: [{ name: "name", label: "Name", value: passkey.name, maxLength: 100 }],
      action: "Rename",
      run: async ({ name }) => {
        await call("PATCH", path, { name });
        await drawList();
      },
    });
    if (done) say(box("passkeys-state"), "The passkey is renamed.");
  });
  const remove = element("button", "quiet", "Remove");
  remove.ariaLabel = `Remove ${passkey.name}`;
  remove.addEventListener("click", async () => {
    const done = await ask({
      title: `Remove ${passkey.name}`,
      text: "It no longer signs in. Delete it on your device, too.",
      fields: [passwordField()],
      action: "Remove",
      run: async ({ password }) => {
        await call("DELETE", `/auth/passkeys/${passkey.id}`, { password: given(password) });
        await drawList();
      },
    });
    if (done) say(box("passkeys-state"), "The passkey is removed.");
  });
  return element("li", "", about, element("div", "buttons", rename, remove));
}
