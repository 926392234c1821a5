/** Whether the workspace demands a second factor of its people. */

import { call } from "../api.ts";
import { onSubmit } from "../forms.ts";
import { box, form } from "../page.ts";
import type { Me, WorkspaceSettings } from "../shapes.ts";

const PATH = "/auth/workspace";

export async function drawDemand(me: Me): Promise<void> {
  const section = box("demand");
  section.hidden = !me.permissions.includes("workspace:write");
  if (section.hidden) return;
  let settings = await call<WorkspaceSettings>("GET", PATH);
  draw(settings);
  onSubmit(form("demand-form"), async () => {
    const wanted = { require_second_factor: !settings.require_second_factor };
    settings = await call<WorkspaceSettings>("PATCH", PATH, wanted);
    draw(settings);
    return settings.require_second_factor
      ? "It is demanded now. Who signed in without one was signed out."
      : "It is no longer demanded.";
  });
}

function draw({ require_second_factor: demanded }: WorkspaceSettings): void {
  box("demand-text").textContent = demanded
    ? "Nobody does anything here without an authenticator app or a passkey. The company's own identity providers answer for whom they sign in."
    : "Everybody decides for themselves whether a password is enough.";
  box("demand-button").textContent = demanded
    ? "Demand it no longer"
    : "Demand a second factor of everybody";
}
