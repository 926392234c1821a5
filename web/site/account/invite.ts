/** Opening an invitation: what it is about, and accepting it. */

import { call } from "./api.ts";
import { field, onSubmit } from "./forms.ts";
import { box, form, show, takeFragment } from "./page.ts";
import { Problem } from "./problem.ts";
import type { InviteDetails } from "./shapes.ts";
import { roleName } from "./text.ts";

const TEAM = "/account/team";

const token = takeFragment().get("token");
const parts = { offer: box("offer"), joined: box("joined"), over: box("over") };
const lookUp = form("look-up");
const accept = form("accept");
let details: InviteDetails | undefined;

function only(part: HTMLElement): void {
  box("state").textContent = "";
  lookUp.hidden = true;
  show(part, ...Object.values(parts).filter((other) => other !== part));
}

/** Runs a step; a link that is no longer good ends everything. */
async function step(run: () => Promise<void>): Promise<undefined> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "link_expired") throw error;
    only(parts.over);
  }
}

function draw(found: InviteDetails): void {
  details = found;
  box("workspace").textContent = found.workspace_name;
  box("email").textContent = found.email;
  box("role").textContent = found.role_name ?? roleName(found.role, null, new Map());
  const needed = box("new-account");
  needed.hidden = found.account === "exists";
  if (found.account === "none") {
    needed.replaceChildren(
      field({ name: "name", label: "Your name", autocomplete: "name", maxLength: 100 }),
      field({
        name: "password",
        label: "Password",
        type: "password",
        autocomplete: "new-password",
        maxLength: 128,
        hint: "8 to 128 characters.",
      }),
    );
  }
  only(parts.offer);
}

onSubmit(lookUp, () =>
  step(async () => {
    try {
      draw(await call<InviteDetails>("POST", "/auth/invites/lookup", { token }));
    } catch (error) {
      // It may go well the next time.
      box("state").textContent = "";
      lookUp.hidden = false;
      throw error;
    }
  }),
);

onSubmit(accept, ({ name, password }) =>
  step(async () => {
    await call("POST", "/auth/invites/accept", { token, name, password });
    if (password !== undefined) {
      try {
        await call("POST", "/auth/login", { email: details?.email, password });
        location.assign(TEAM);
        return;
      } catch (error) {
        // They have joined all the same, and sign in by themselves.
        if (!(error instanceof Problem)) throw error;
      }
    }
    only(parts.joined);
  }),
);

if (token) lookUp.requestSubmit();
else only(parts.over);
