/** One's own account: who one is, how one signs in, and where one is signed in. */

import { signedIn } from "./page.ts";
import { showDemand } from "./security/demand.ts";
import { drawFactors } from "./security/factors.ts";
import { drawIdentities } from "./security/identities.ts";
import { drawPasskeys } from "./security/passkeys.ts";
import { bindPerson } from "./security/person.ts";
import { drawSessions } from "./security/sessions.ts";

void signedIn(async (me) => {
  showDemand(me);
  bindPerson(me);
  await Promise.all([drawFactors(), drawPasskeys(), drawIdentities(), drawSessions()]);
});
