/**
 * Forms that call the API. What was typed stays. What is not right is told at its field, and the focus
 * goes there; what belongs to no field is told above the buttons. What was done is told politely.
 *
 * The forms in the pages have the method `post`: sent before this script has come, they lead nowhere, and
 * put no password into the address.
 */

import { element } from "../element.ts";
import { leave } from "./paths.ts";
import { isSignedOut, Problem, sentence, sorted, words } from "./problem.ts";

/** What was typed, by the names of the fields. */
export type Values = Record<string, string>;

/** A field to be made. */
export interface Field {
  name: string;
  label: string;
  type?: string;
  value?: string;
  hint?: string;
  autocomplete?: AutoFill;
  maxLength?: number;
  /** It may stay empty. */
  optional?: boolean;
  /** A choice of values and what they are called, in place of text. */
  choices?: [string, string][];
}

/** What a field sends: nothing when it is empty. */
export function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

let count = 0;

/** A field with its label. */
export function field(wanted: Field): HTMLElement {
  const id = `field-${++count}`;
  const label = element("label", "", wanted.label);
  label.htmlFor = id;
  const box = element("div", "field", label);
  const control = wanted.choices ? choice(wanted, wanted.choices) : input(wanted);
  control.id = id;
  control.name = wanted.name;
  control.required = !wanted.optional;
  box.append(control);
  if (wanted.hint) {
    const hint = element("p", "hint", wanted.hint);
    hint.id = `${id}-hint`;
    control.setAttribute("aria-describedby", hint.id);
    box.append(hint);
  }
  return box;
}

function input(wanted: Field): HTMLInputElement {
  const made = element("input", "");
  made.type = wanted.type ?? "text";
  made.value = wanted.value ?? "";
  if (wanted.autocomplete) made.autocomplete = wanted.autocomplete;
  if (wanted.maxLength !== undefined) made.maxLength = wanted.maxLength;
  return made;
}

function choice(wanted: Field, choices: [string, string][]): HTMLSelectElement {
  const options = choices.map(([value, text]) => new Option(text, value));
  const made = element("select", "", ...options);
  if (wanted.value !== undefined) made.value = wanted.value;
  return made;
}

/** The password once more, before something that a stolen session must not do alone. */
export function passwordField(): Field {
  return {
    name: "password",
    label: "Your password",
    type: "password",
    autocomplete: "current-password",
    hint: "Leave it empty if your account has none.",
    optional: true,
  };
}

/**
 * Runs `run` when the form is sent, once at a time, and tells what it answers. `aliases` names the field
 * for members of the body that are called otherwise.
 */
export function onSubmit(
  form: HTMLFormElement,
  run: (values: Values) => Promise<string | undefined>,
  aliases: Record<string, string> = {},
): void {
  const fault = element("p", "alert");
  fault.tabIndex = -1;
  fault.hidden = true;
  const done = element("p", "done");
  done.role = "status";
  const buttons = form.querySelector(".buttons");
  buttons?.before(fault);
  form.append(...(buttons ? [] : [fault]), done);
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.ariaBusy = "true";
    clear(form, fault);
    done.textContent = "";
    try {
      done.textContent = (await run(valuesOf(form))) ?? "";
    } catch (error) {
      tell(form, fault, error, aliases);
    } finally {
      busy = false;
      form.ariaBusy = null;
    }
  });
}

function valuesOf(form: HTMLFormElement): Values {
  const values: Values = {};
  for (const [name, value] of new FormData(form)) values[name] = String(value);
  return values;
}

type Control = HTMLInputElement | HTMLSelectElement;

function controls(form: HTMLFormElement): Map<string, Control> {
  const found = form.querySelectorAll<Control>("input[name], select[name]");
  return new Map([...found].map((control) => [control.name, control]));
}

function clear(form: HTMLFormElement, fault: HTMLElement): void {
  fault.hidden = true;
  fault.textContent = "";
  for (const control of controls(form).values()) {
    control.removeAttribute("aria-invalid");
    const error = document.getElementById(`${control.id}-error`);
    if (!error) continue;
    describe(control, error.id, false);
    error.remove();
  }
}

function tell(
  form: HTMLFormElement,
  fault: HTMLElement,
  error: unknown,
  aliases: Record<string, string>,
): void {
  if (isSignedOut(error)) {
    leave();
    return;
  }
  const here = controls(form);
  const problem = error instanceof Problem ? error : unforeseen(error);
  const { fields, rest } = sorted(problem, new Set(here.keys()), aliases);
  for (const [name, detail] of fields) {
    const control = here.get(name);
    if (control) mark(control, detail);
  }
  if (fields.size > 0 && rest.length === 0) {
    form.querySelector<Control>('[aria-invalid="true"]')?.focus();
    return;
  }
  say(fault, words(problem));
}

/** Shows a message and moves the focus to it. */
export function say(place: HTMLElement, message: string): void {
  place.textContent = message;
  place.hidden = false;
  place.tabIndex = -1;
  place.focus();
}

function mark(control: Control, detail: string): void {
  const label = control.labels?.[0]?.textContent ?? control.name;
  const error = element("p", "error", sentence(`${label} ${detail}`));
  error.id = `${control.id}-error`;
  control.ariaInvalid = "true";
  describe(control, error.id, true);
  control.after(error);
}

/** Adds an element to what describes a control, or takes it out. */
function describe(control: Control, id: string, add: boolean): void {
  const ids = (control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  const kept = ids.filter((other) => other !== id);
  if (add) kept.unshift(id);
  if (kept.length > 0) control.setAttribute("aria-describedby", kept.join(" "));
  else control.removeAttribute("aria-describedby");
}

/** What no answer of the API explains: a fault of this page. */
export function unforeseen(error: unknown): Problem {
  console.error(error);
  return new Problem({
    code: "unforeseen",
    title: "Something went wrong on this page. Reload it and try again.",
  });
}
