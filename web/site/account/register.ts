/** Registering: an account with a workspace of its own. */

import { call } from "./api.ts";
import { onSubmit } from "./forms.ts";
import { box, form, show } from "./page.ts";
import { HOME } from "./paths.ts";
import { Problem } from "./problem.ts";

const register = form("register");

onSubmit(register, async (values) => {
  const { email, password } = values;
  await call("POST", "/auth/register", values);
  try {
    await call("POST", "/auth/login", { email, password });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The address has an account with another password, which only its owner is told, by mail. What
    // else keeps people from signing in now does not undo that they are registered.
    box("sent-to").textContent = email ?? "";
    show(box("sent"), register);
    return undefined;
  }
  location.assign(HOME);
  return undefined;
});
