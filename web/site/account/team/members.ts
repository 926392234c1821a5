/** The members: their roles, and removing them. */

import { element } from "../../element.ts";
import { all, call } from "../api.ts";
import { ask } from "../dialog.ts";
import { say } from "../forms.ts";
import { box } from "../page.ts";
import { SIGN_IN } from "../paths.ts";
import type { Member } from "../shapes.ts";
import { time } from "../text.ts";
import { ALIASES, assignment, type Team } from "./team.ts";

export async function drawMembers(team: Team): Promise<void> {
  const members = await all<Member>("/auth/members");
  box("member-list").replaceChildren(...members.map((member) => row(team, member)));
}

function row(team: Team, member: Member): HTMLElement {
  const role = team.roleName(member.role, member.role_id);
  const facts = [
    member.email_verified ? "" : "address not verified",
    member.second_factor ? "two-factor sign-in" : "",
  ].filter(Boolean);
  const mine = member.user_id === team.me.id;
  const about = element(
    "p",
    "",
    element("strong", "", mine ? `${member.name} (you)` : member.name),
    ` ${member.email}, ${[role, ...facts].join(", ")}, since `,
    time(member.joined_at),
  );
  const buttons = element("div", "buttons");
  if (team.mayChange) buttons.append(button("Change role", member, () => changeRole(team, member)));
  if (mine) buttons.append(button("Leave", member, () => leaveTeam(team, member)));
  else if (team.mayChange) buttons.append(button("Remove", member, () => remove(team, member)));
  return element("li", "", about, buttons);
}

function button(text: string, member: Member, run: () => Promise<void>): HTMLElement {
  const made = element("button", "quiet", text);
  made.ariaLabel = `${text}: ${member.name}`;
  made.addEventListener("click", run);
  return made;
}

async function changeRole(team: Team, member: Member): Promise<void> {
  const done = await ask({
    title: `The role of ${member.name}`,
    text: "With another role, they have to sign in again.",
    fields: [team.roleField(member.role, member.role_id)],
    action: "Change",
    aliases: ALIASES,
    run: async ({ role }) => {
      await call("PATCH", `/auth/members/${member.user_id}`, assignment(role));
      await drawMembers(team);
    },
  });
  if (done) say(box("members-state"), `The role of ${member.name} is changed.`);
}

async function remove(team: Team, member: Member): Promise<void> {
  const done = await ask({
    title: `Remove ${member.name}?`,
    text: "They are signed out of this workspace at once. What they did in it stays.",
    action: "Remove",
    run: async () => {
      await call("DELETE", `/auth/members/${member.user_id}`);
      await drawMembers(team);
    },
  });
  if (done) say(box("members-state"), `${member.name} is removed.`);
}

async function leaveTeam(team: Team, member: Member): Promise<void> {
  const done = await ask({
    title: `Leave ${team.me.workspace.name}?`,
    text: "You come back only if somebody invites you again.",
    action: "Leave",
    run: () => call("DELETE", `/auth/members/${member.user_id}`),
  });
  if (done) location.assign(SIGN_IN);
}
