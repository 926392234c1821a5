/** Setting a new password, by the link in a letter. */

import { call } from "./api.ts";
import { onSubmit } from "./forms.ts";
import { box, form, show, takeFragment } from "./page.ts";
import { Problem } from "./problem.ts";

const token = takeFragment().get("token");
const reset = form("reset");

if (!token) show(box("over"), reset);

onSubmit(reset, async ({ password }) => {
  try {
    await call("POST", "/auth/password/reset", { token, password });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "link_expired") throw error;
    show(box("over"), reset);
    return undefined;
  }
  show(box("set"), reset);
  return undefined;
});
