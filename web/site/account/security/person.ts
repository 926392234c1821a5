/** Name, address, password, and deleting the account. */

import { call } from "../api.ts";
import { given, onSubmit } from "../forms.ts";
import { box, form, part } from "../page.ts";
import { Problem } from "../problem.ts";
import type { Me } from "../shapes.ts";

export function bindPerson(me: Me): void {
  part("name", HTMLInputElement).value = me.name;
  box("present-email").textContent = me.email;
  onSubmit(form("name-form"), async ({ name }) => {
    await call<Me>("PATCH", "/auth/me", { name });
    return "The name is changed.";
  });
  const email = form("email-form");
  onSubmit(email, async (values) => {
    const body = { email: values.email, password: given(values.password) };
    await call("POST", "/auth/email/change", body);
    email.reset();
    return `A link is on its way to ${body.email}.`;
  });
  const password = form("password-form");
  onSubmit(password, async ({ current_password, new_password }) => {
    const body = { current_password: given(current_password), new_password };
    await call("POST", "/auth/password/change", body);
    password.reset();
    return "The password is changed. Other devices are signed out.";
  });
  onSubmit(form("delete-form"), async (values) => {
    if (values.email?.trim().toLowerCase() !== me.email.toLowerCase()) throw anotherAddress();
    await call("DELETE", "/auth/me", { password: given(values.password) });
    location.assign("/");
    return undefined;
  });
}

/** Told as the API tells of a field. */
function anotherAddress(): Problem {
  return new Problem({
    code: "validation_failed",
    title: "The address is another one",
    errors: [{ pointer: "/email", detail: "is another one" }],
  });
}
