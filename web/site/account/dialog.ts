/** Asking before something is done. */

import { element } from "../element.ts";
import { type Field, field, onSubmit, type Values } from "./forms.ts";

export interface Question {
  title: string;
  text?: string;
  fields?: Field[];
  /** What the button says. */
  action: string;
  /** Members of the body that belong to a field of another name. */
  aliases?: Record<string, string>;
  /** Does it. What it throws is told in the dialog, which stays open. */
  run: (values: Values) => Promise<unknown>;
}

/** Asks, and answers whether it was done. */
export function ask({ title, text, fields, action, aliases, run }: Question): Promise<boolean> {
  const heading = element("h2", "", title);
  heading.id = "question";
  const cancel = element("button", "quiet", "Cancel");
  cancel.type = "button";
  // Return must not do what was only asked.
  cancel.autofocus = !fields;
  const form = element(
    "form",
    "",
    heading,
    ...(text ? [element("p", "", text)] : []),
    ...(fields ?? []).map(field),
    element("div", "buttons", element("button", "", action), cancel),
  );
  const dialog = element("dialog", "", form);
  dialog.setAttribute("aria-labelledby", heading.id);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let done = false;
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    onSubmit(
      form,
      async (values) => {
        await run(values);
        done = true;
        dialog.close();
        return undefined;
      },
      aliases,
    );
    dialog.showModal();
  });
}
