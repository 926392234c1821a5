/** Asking for a link to set a new password. */

import { call } from "./api.ts";
import { onSubmit } from "./forms.ts";
import { form } from "./page.ts";

onSubmit(form("forgotten"), async ({ email }) => {
  await call("POST", "/auth/password/forgotten", { email });
  return `If ${email} has an account, a link is on its way.`;
});
