/** Inviting people, and the invitations that wait. */

import { element } from "../../element.ts";
import { all, call } from "../api.ts";
import { ask } from "../dialog.ts";
import { onSubmit, say } from "../forms.ts";
import { box, form, part } from "../page.ts";
import type { Invite } from "../shapes.ts";
import { time } from "../text.ts";
import { ALIASES, assignment, type Team } from "./team.ts";

export async function drawInvites(team: Team): Promise<void> {
  const invite = form("invite");
  invite.hidden = !team.mayChange;
  const role = part("role", HTMLSelectElement);
  role.replaceChildren(...team.choices.map(([value, text]) => new Option(text, value)));
  role.value = "agent";
  onSubmit(
    invite,
    async ({ email, role }) => {
      await call<Invite>("POST", "/auth/invites", { email, ...assignment(role) });
      part("email", HTMLInputElement).value = "";
      await drawList(team);
      return `A letter is on its way to ${email}.`;
    },
    ALIASES,
  );
  await drawList(team);
}

async function drawList(team: Team): Promise<void> {
  const invites = await all<Invite>("/auth/invites");
  box("invite-list").replaceChildren(...invites.map((invite) => row(team, invite)));
  box("no-invites").hidden = invites.length > 0;
}

/** What is done about an invitation once that is confirmed. */
interface Step {
  title: string;
  text: string;
  run: () => Promise<unknown>;
  /** What is told afterwards. */
  done: string;
}

function row(team: Team, invite: Invite): HTMLElement {
  const over = Date.parse(invite.expires_at) < Date.now();
  const about = element(
    "p",
    "",
    element("strong", "", invite.email),
    `, ${team.roleName(invite.role, invite.role_id)}, `,
    over ? "too old since " : "good until ",
    time(invite.expires_at),
  );
  if (!team.mayChange) return element("li", "", about);
  const button = (action: string, { done, run, ...question }: Step) => {
    const made = element("button", "quiet", action);
    made.ariaLabel = `${action}: ${invite.email}`;
    made.addEventListener("click", async () => {
      const asked = { ...question, action, run: () => run().then(() => drawList(team)) };
      if (await ask(asked)) say(box("invites-state"), done);
    });
    return made;
  };
  const again = button("Send again", {
    title: `Send the letter to ${invite.email} again?`,
    text: "The link in the earlier letter is no longer good.",
    done: `A new letter is on its way to ${invite.email}.`,
    run: () => call<Invite>("POST", `/auth/invites/${invite.id}/resend`),
  });
  const withdraw = button("Withdraw", {
    title: `Withdraw the invitation of ${invite.email}?`,
    text: "The link in the letter is no longer good.",
    done: `The invitation of ${invite.email} is withdrawn.`,
    run: () => call("DELETE", `/auth/invites/${invite.id}`),
  });
  return element("li", "", about, element("div", "buttons", again, withdraw));
}
