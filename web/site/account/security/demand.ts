/** A workspace that wants a second factor which is missing, and what happens once there is one. */

import { renewNow } from "../api.ts";
import { box } from "../page.ts";
import type { Me } from "../shapes.ts";

export function showDemand(me: Me): void {
  box("demand").hidden = !me.second_factor_demanded;
}

/** A factor was added: the next access token lets one act again. */
export async function meetDemand(): Promise<void> {
  const demand = box("demand");
  if (demand.hidden) return;
  await renewNow();
  demand.hidden = true;
}
