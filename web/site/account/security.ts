/** One's own account: who one is, how one signs in, and where one is signed in. */

import { signedIn } from "./page.ts";
import { drawFactors } from "./security/factors.ts";
import { drawPasskeys } from "./security/passkeys.ts";
import { bindPerson } from "./security/person.ts";
import { drawSessions } from "./security/sessions.ts";

void signedIn(async (me) => {
  bindPerson(me);
  await Promise.all([drawFactors(), drawPasskeys(), drawSessions()]);
});
