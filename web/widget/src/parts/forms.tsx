/** Consent, the forms before a conversation and where nobody is there, and the rating after it. */

import { type Introduction, type PrechatField, rate } from "@syntera/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../panel/icons.tsx";
import type { Look } from "../panel/messages.tsx";
import type { Forms } from "../panel/parts.ts";
import { words } from "../panel/words.tsx";
import { forms as english } from "../strings/en.ts";
import css from "./forms.css";
import { hand } from "./part.ts";

const stringsOf = (look: Look) => look.locale.loaded?.forms ?? english;

/** Runs something once at a time, and says whether it is under way or failed. */
function useTry(): [(run: () => Promise<void>) => void, boolean, boolean] {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const begin = (run: () => Promise<void>): void => {
    if (busy) return;
    setBusy(true);
    setFailed(false);
    run().then(
      () => setBusy(false),
      () => {
        setBusy(false);
        setFailed(true);
      },
    );
  };
  return [begin, busy, failed];
}

function Failed({ look }: { look: Look }) {
  return (
    <p class="wrong" role="alert">
      {stringsOf(look).failed}
    </p>
  );
}

const Consent: Forms["Consent"] = ({ look }) => {
  const t = stringsOf(look);
  const { about } = look.session;
  const [begin, busy, failed] = useTry();
  const text = about.settings.consent?.text ?? "";
  return (
    <section class="form" aria-label={t.consentTitle}>
      <h3>{t.consentTitle}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <p class="terms" dir="auto" tabIndex={0}>
        {words(text, { sources: undefined, cite: () => "" })}
      </p>
      {failed && <Failed look={look} />}
      <button
        type="button"
        class="primary"
        disabled={busy}
        onClick={() =>
          begin(async () => {
            await about.agree(look.session.channel?.id);
            requestAnimationFrame(look.focusField);
          })
        }
      >
        {t.agree}
      </button>
    </section>
  );
};

type Values = Record<string, string>;

const KEYBOARDS = { name: "text", email: "email", phone: "tel", custom: "text" } as const;
const FILLS = { name: "name", email: "email", phone: "tel", custom: "off" } as const;

function introductionOf(fields: readonly PrechatField[], values: Values): Introduction {
  const out: Introduction = {};
  for (const [at, { key, label }] of fields.entries()) {
    const value = values[at]?.trim();
    if (!value) continue;
    if (key === "custom") out.custom = [...(out.custom ?? []), { label, value }];
    else out[key] = value;
  }
  return out;
}

/** A form of one field a line, whose faults are said beside the fields. */
function Fields({
  look,
  title,
  more,
  fields,
  submit,
  skip,
}: {
  look: Look;
  title: string;
  more: string;
  fields: readonly PrechatField[];
  submit: string;
  skip?: (() => void) | undefined;
}) {
  const t = stringsOf(look);
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<Values>({});
  const [wrong, setWrong] = useState<Values>({});
  const [begin, busy, failed] = useTry();
  // The field went away for this form: whoever was in it is led on, nobody else is moved.
  useEffect(() => {
    const root = form.current?.getRootNode() as ShadowRoot | undefined;
    const active = document.activeElement;
    const here = active === document.body || active === root?.host;
    if (here && !matchMedia("(pointer: coarse)").matches) {
      form.current?.querySelector("input")?.focus();
    }
  }, []);
  const check = (): Values => {
    const found: Values = {};
    for (const [at, { key, required }] of fields.entries()) {
      const value = values[at]?.trim() ?? "";
      if (required && value === "") found[at] = t.missing;
      else if (value && key === "email" && !/^\S+@\S+\.\S+$/.test(value)) found[at] = t.badEmail;
    }
    return found;
  };
  return (
    <form
      ref={form}
      class="form"
      noValidate
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault();
        const found = check();
        setWrong(found);
        const first = Object.keys(found)[0];
        if (first !== undefined) {
          form.current?.querySelector<HTMLInputElement>(`#field-${first}`)?.focus();
          return;
        }
        begin(async () => {
          await look.session.formDone(introductionOf(fields, values));
          requestAnimationFrame(look.focusField);
        });
      }}
    >
      <h3>{title}</h3>
      <p class="more">{more}</p>
      {fields.map(({ key, label, required }, at) => (
        <div class="field" key={at}>
          <label for={`field-${at}`}>
            {label || (key === "custom" ? "" : t[key])}
            {!required && <span class="optional"> ({t.optional})</span>}
          </label>
          <input
            id={`field-${at}`}
            type="text"
            inputMode={KEYBOARDS[key]}
            autocomplete={FILLS[key]}
            maxLength={200}
            dir="auto"
            value={values[at] ?? ""}
            required={required}
            aria-invalid={wrong[at] !== undefined}
            aria-describedby={wrong[at] === undefined ? undefined : `wrong-${at}`}
            onInput={(event) => setValues({ ...values, [at]: event.currentTarget.value })}
          />
          {wrong[at] !== undefined && (
            <p class="wrong" id={`wrong-${at}`}>
              {wrong[at]}
            </p>
          )}
        </div>
      ))}
      {failed && <Failed look={look} />}
      <div class="row">
        <button type="submit" class="primary" disabled={busy}>
          {submit}
        </button>
        {skip && (
          <button type="button" class="quiet" disabled={busy} onClick={skip}>
            {t.notNow}
          </button>
        )}
      </div>
    </form>
  );
}

const Prechat: Forms["Prechat"] = ({ look }) => {
  const t = stringsOf(look);
  const { session } = look;
  const before = session.gate === "person";
  return (
    <Fields
      look={look}
      title={t.prechatTitle}
      more={t.prechatMore}
      fields={session.about.settings.prechat?.fields ?? []}
      submit={before ? t.submit : t.start}
      skip={
        before
          ? () => {
              void session.formDone();
              requestAnimationFrame(look.focusField);
            }
          : undefined
      }
    />
  );
};

const OFFLINE: readonly PrechatField[] = [
  { key: "name", label: "", required: false },
  { key: "email", label: "", required: true },
];

const Offline: Forms["Offline"] = ({ look }) => {
  const t = stringsOf(look);
  return (
    <Fields
      look={look}
      title={t.offlineTitle}
      more={t.offlineMore}
      fields={OFFLINE}
      submit={t.submit}
      skip={() => {
        void look.session.formDone();
        requestAnimationFrame(look.focusField);
      }}
    />
  );
};

/** Five mouths, from bad to great: not every machine has a font with faces. */
const FACES = [
  "M8 17a4.5 4.5 0 0 1 8 0",
  "M8.5 16a5 5 0 0 1 7 0",
  "M8.5 15.5h7",
  "M8.5 14.5a5 5 0 0 0 7 0",
  "M7.5 14h9a4.5 4.5 0 0 1-9 0z",
].map((mouth) => `M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9 9.5v.01M15 9.5v.01${mouth}`);

const Rating: Forms["Rating"] = ({ look }) => {
  const t = stringsOf(look);
  const { session } = look;
  const [score, setScore] = useState<number | undefined>();
  const [comment, setComment] = useState("");
  const [begin, busy, failed] = useTry();
  if (session.channel?.view.rating !== undefined) {
    return (
      <p class="rated" role="status">
        {t.rated}
      </p>
    );
  }
  return (
    <form
      class="form rating"
      onSubmit={(event) => {
        event.preventDefault();
        const { channel } = session;
        if (score === undefined || !channel) return;
        begin(async () => rate(await session.caller(), channel.id, score, comment.trim()));
      }}
    >
      <fieldset>
        <legend>{t.rateTitle}</legend>
        <div class="faces">
          {FACES.map((face, at) => (
            <label key={face}>
              <input
                type="radio"
                name="score"
                value={at + 1}
                checked={score === at + 1}
                aria-label={t.rateScores[at]}
                onChange={() => setScore(at + 1)}
              />
              <Icon d={face} />
            </label>
          ))}
        </div>
      </fieldset>
      {score !== undefined && (
        <>
          <label class="field">
            <span>
              {t.rateComment} <span class="optional">({t.optional})</span>
            </span>
            <textarea
              rows={2}
              maxLength={2000}
              dir="auto"
              value={comment}
              onInput={(event) => setComment(event.currentTarget.value)}
            />
          </label>
          {failed && <Failed look={look} />}
          <button type="submit" class="secondary" disabled={busy}>
            {t.submit}
          </button>
        </>
      )}
    </form>
  );
};

const part: Forms = { Consent, Prechat, Offline, Rating };
hand(part, css);
