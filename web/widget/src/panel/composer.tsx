/** The field to write in, and what goes with a message. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { count } from "../strings/plural.ts";
import { CLIP, CLOSE, Icon, SEND, SMILE } from "./icons.tsx";
import { composing } from "./keys.ts";
import { Lazy } from "./lazy.tsx";
import type { Look } from "./messages.tsx";

/** The longest message that the chat service takes, in characters. */
export const MAX_TEXT = 10_000;

export interface Field {
  current: HTMLTextAreaElement | null;
}

/** Files that were dropped, pasted or chosen are uploaded at once, to be sent with the next message. */
export function attach(look: Look, list: FileList | null | undefined): boolean {
  const files = [...(list ?? [])];
  const { session } = look;
  if (files.length === 0 || session.phase !== "live" || session.editing !== undefined) return false;
  session.parts.load("files").then(
    (part) => part.add(session, files),
    () => {
      session.trouble = "person";
    },
  );
  return true;
}

export function Composer({ look, field }: { look: Look; field: Field }) {
  const { session, locale } = look;
  const t = locale.strings;
  const chooser = useRef<HTMLInputElement>(null);
  const smile = useRef<HTMLButtonElement>(null);
  const [picking, setPicking] = useState(false);
  const over = [...session.draft.trim()].length - MAX_TEXT;
  const editing = session.editing !== undefined;
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
  const pick = (emoji: string): void => {
    const area = field.current;
    const at = area?.selectionStart ?? session.draft.length;
    const end = area?.selectionEnd ?? at;
    session.setDraft(session.draft.slice(0, at) + emoji + session.draft.slice(end));
    setPicking(false);
    // The text is drawn with the next frame.
    requestAnimationFrame(() => {
      area?.focus();
      area?.setSelectionRange(at + emoji.length, at + emoji.length);
    });
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {picking && (
        <Lazy
          look={look}
          part="emoji"
          draw={({ Picker }) => (
            <Picker
              look={look}
              onPick={pick}
              onClose={() => {
                setPicking(false);
                smile.current?.focus();
              }}
            />
          )}
        />
      )}
      {editing && (
        <p class="editing">
          {t.editing}
          <button type="button" aria-label={t.cancel} onClick={() => look.edit(undefined)}>
            <Icon d={CLOSE} />
          </button>
        </p>
      )}
      {session.uploads.length > 0 && (
        <Lazy look={look} part="files" draw={({ Waiting }) => <Waiting look={look} />} />
      )}
      <input
        ref={chooser}
        type="file"
        multiple
        hidden
        tabIndex={-1}
        onChange={(event) => {
          attach(look, event.currentTarget.files);
          event.currentTarget.value = "";
          field.current?.focus();
        }}
      />
      <textarea
        ref={field}
        rows={1}
        dir={session.draft ? "auto" : locale.dir}
        value={session.draft}
        placeholder={t.placeholder}
        aria-label={t.message}
        aria-invalid={over > 0}
        aria-describedby={over > 0 ? "over" : undefined}
        enterkeyhint="send"
        onInput={(event) => session.setDraft(event.currentTarget.value)}
        onPaste={(event) => {
          if (attach(look, event.clipboardData?.files)) event.preventDefault();
        }}
        onKeyDown={(event) => {
          if (composing(event)) return;
          if (event.key === "Escape" && editing) {
            event.stopPropagation();
            look.edit(undefined);
          }
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          send();
        }}
      />
      <button
        type="button"
        class="tool"
        aria-label={t.attach}
        disabled={session.phase !== "live" || editing}
        onClick={() => chooser.current?.click()}
      >
        <Icon d={CLIP} />
      </button>
      <button
        type="button"
        class="tool"
        ref={smile}
        aria-label={t.emoji}
        aria-expanded={picking}
        onClick={() => setPicking(!picking)}
      >
        <Icon d={SMILE} />
      </button>
      <button
        type="submit"
        class="send"
        aria-label={editing ? t.save : t.send}
        disabled={!session.canSend || over > 0}
      >
        <Icon d={SEND} />
      </button>
      {over > 0 && (
        <p class="over" id="over" role="status">
          {count(locale.tag, t.tooLong, over)}
        </p>
      )}
    </form>
  );
}
