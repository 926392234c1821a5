/** The foot of the panel: who has the word, the way to a person, the end, and the field to write in. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icons.tsx";
import { composing } from "./keys.ts";
import { type Look, nameOf } from "./messages.tsx";

/** The longest message that the chat service takes, in characters. */
export const MAX_TEXT = 10_000;

function Bar({ look, onEnd }: { look: Look; onEnd: () => void }) {
  const { session, locale } = look;
  const t = locale.strings;
  const owner = session.channel?.owner;
  const person = session.channel?.entries.findLast(
    (entry) => entry.kind !== "other" && entry.sender.kind === "user",
  );
  return (
    <div class="bar">
      {owner === "queued" ? (
        <p class="standing">
          <span class="pulse" />
          {t.waiting}
        </p>
      ) : owner === "human" ? (
        <p class="standing">
          <span class="here" />
          {t.personHere(
            person && person.kind !== "other" ? nameOf(person.sender, look) : t.personFallback,
          )}
        </p>
      ) : (
        <button
          type="button"
          class="pill"
          disabled={session.phase !== "live" || session.busy !== undefined}
          onClick={look.askPerson}
        >
          <Icon name="person" />
          {t.talkToPerson}
        </button>
      )}
      <button
        type="button"
        class="quiet"
        aria-label={t.end}
        disabled={session.phase !== "live" || session.busy !== undefined}
        onClick={onEnd}
      >
        {t.endShort}
      </button>
    </div>
  );
}

function Confirm({ look, onDone }: { look: Look; onDone: () => void }) {
  const { session, locale } = look;
  const t = locale.strings;
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  return (
    <fieldset
      class="confirm"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onDone();
      }}
    >
      <legend>{t.endAsk}</legend>
      <button type="button" class="secondary" ref={keep} onClick={onDone}>
        {t.endKeep}
      </button>
      <button
        type="button"
        class="danger"
        onClick={() => {
          void session.end();
          onDone();
        }}
      >
        {t.end}
      </button>
    </fieldset>
  );
}

function Composer({ look, field }: { look: Look; field: { current: HTMLTextAreaElement | null } }) {
  const { session, locale } = look;
  const t = locale.strings;
  const over = [...session.draft.trim()].length - MAX_TEXT;
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.blockSize = "auto";
    area.style.blockSize = `${Math.min(area.scrollHeight, 140)}px`;
  }, [session.draft, field]);
  const send = (): void => {
    if (over <= 0) session.send();
    field.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        value={session.draft}
        placeholder={t.placeholder}
        aria-label={t.message}
        aria-invalid={over > 0}
        aria-describedby={over > 0 ? "over" : undefined}
        enterkeyhint="send"
        onInput={(event) => session.setDraft(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
          event.preventDefault();
          send();
        }}
      />
      <button
        type="submit"
        class="send"
        aria-label={t.send}
        disabled={session.draft.trim() === "" || over > 0}
      >
        <Icon name="send" />
      </button>
      {over > 0 && (
        <p class="over" id="over" role="status">
          {t.tooLong(over)}
        </p>
      )}
    </form>
  );
}

export function Footer({
  look,
  field,
  confirming,
  setConfirming,
}: {
  look: Look;
  field: { current: HTMLTextAreaElement | null };
  confirming: boolean;
  setConfirming: (confirming: boolean) => void;
}) {
  const { session, locale } = look;
  const t = locale.strings;
  const closed = session.channel?.owner === "closed";
  const again = useRef<HTMLButtonElement>(null);
  const wasClosed = useRef(closed);
  useEffect(() => {
    // The field goes away with the end: whoever was in it is led on, nobody else is moved.
    const root = again.current?.getRootNode() as ShadowRoot | undefined;
    if (closed && !wasClosed.current && root?.host.matches(":focus, :focus-within")) {
      again.current?.focus();
    }
    if (!closed && wasClosed.current) field.current?.focus();
    wasClosed.current = closed;
  }, [closed, field]);
  return (
    <div class="foot">
      {session.trouble && (
        <p class="trouble-note" role="alert">
          <Icon name="alert" />
          {session.trouble === "end" ? t.endFailed : t.personFailed}
        </p>
      )}
      {closed ? (
        <div class="over-now">
          <p>{t.ended}</p>
          <button
            type="button"
            class="primary"
            ref={again}
            disabled={session.busy !== undefined}
            onClick={() => void session.startNew()}
          >
            {t.startNew}
          </button>
        </div>
      ) : (
        <>
          {confirming ? (
            <Confirm
              look={look}
              onDone={() => {
                setConfirming(false);
                field.current?.focus();
              }}
            />
          ) : (
            <Bar look={look} onEnd={() => setConfirming(true)} />
          )}
          <Composer look={look} field={field} />
        </>
      )}
    </div>
  );
}
