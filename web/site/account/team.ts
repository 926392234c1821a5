/** The people of the workspace: members and who is invited. */

import { all, call } from "./api.ts";
import { onSubmit } from "./forms.ts";
import { box, form, part, signedIn } from "./page.ts";
import type { CustomRole, Me, MyWorkspace } from "./shapes.ts";
import { drawDemand } from "./team/demand.ts";
import { drawInvites } from "./team/invites.ts";
import { drawMembers } from "./team/members.ts";
import { Team } from "./team/team.ts";

void signedIn(async (me) => {
  const roles = await all<CustomRole>("/auth/roles");
  const team = new Team(me, roles);
  box("workspace").textContent = me.workspace.name;
  await Promise.all([drawMembers(team), drawInvites(team), drawDemand(me), bindSwitch(me)]);
});

/** Lets people go to another workspace that they belong to. */
async function bindSwitch(me: Me): Promise<void> {
  const others = (await all<MyWorkspace>("/auth/workspaces")).filter(
    ({ id }) => id !== me.workspace.id,
  );
  const choice = part("workspace-id", HTMLSelectElement);
  choice.replaceChildren(...others.map(({ id, name }) => new Option(name, id)));
  const go = form("switch");
  go.hidden = others.length === 0;
  onSubmit(go, async ({ workspace }) => {
    await call("POST", `/auth/workspaces/${workspace}/enter`);
    location.reload();
    return undefined;
  });
}
