/** Where one is signed in, and signing out there. */

import { element } from "../../element.ts";
import { all, call } from "../api.ts";
import { ask } from "../dialog.ts";
import { onSubmit, say } from "../forms.ts";
import { box, form } from "../page.ts";
import { SIGN_IN } from "../paths.ts";
import type { Session } from "../shapes.ts";
import { deviceName, methodNames, time } from "../text.ts";

export async function drawSessions(): Promise<void> {
  onSubmit(form("everywhere"), async () => {
    await call("POST", "/auth/logout/everywhere");
    location.assign(SIGN_IN);
    return undefined;
  });
  await drawList();
}

async function drawList(): Promise<void> {
  const sessions = await all<Session>("/auth/sessions");
  box("session-list").replaceChildren(...sessions.map(row));
}

function row(session: Session): HTMLElement {
  const device = deviceName(session.user_agent);
  const name = element("strong", "", session.current ? `${device} (this one)` : device);
  const from = session.address ? ` from ${session.address}` : "";
  const how = `, by ${methodNames(session.methods)}${from}, `;
  const about = element("p", "", name, how, "since ", time(session.created_at));
  about.append(", last used ", time(session.last_used_at));
  const item = element("li", "", about);
  if (session.current) return item;
  const end = element("button", "quiet", "Sign out");
  end.ariaLabel = `Sign out ${device}`;
  end.addEventListener("click", async () => {
    const done = await ask({
      title: `Sign out ${device}?`,
      action: "Sign out",
      run: async () => {
        await call("DELETE", `/auth/sessions/${session.id}`);
        await drawList();
      },
    });
    if (done) say(box("sessions-state"), `${device} is signed out.`);
  });
  item.append(element("div", "buttons", end));
  return item;
}
