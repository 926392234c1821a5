/** The visitor's conversations, and the one setting that they have. */

import { type ChannelSummary, listChannels } from "@syntera/client";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Look } from "../panel/messages.tsx";
import type { Menu } from "../panel/parts.ts";
import { menu as english } from "../strings/en.ts";
import { count } from "../strings/plural.ts";
import css from "./menu.css";
import { hand } from "./part.ts";

/** Two short notes, not louder than they must be. */
function chime(): void {
  const audio = new AudioContext();
  for (const [at, pitch] of [660, 880].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const from = audio.currentTime + at * 0.12;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.08, from);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.25);
  }
  setTimeout(() => void audio.close(), 1_000);
}

interface Listed {
  items: ChannelSummary[];
  next: string | null;
}

function Entry({ one, look }: { one: ChannelSummary; look: Look }) {
  const t = look.locale.loaded?.menu ?? english;
  const { session, locale } = look;
  const current = one.id === session.channel?.id;
  const states = { ai: t.open, queued: t.waiting, human: t.person, closed: t.ended };
  const date = new Date(one.last_message_at ?? one.last_activity_at);
  return (
    <li>
      <button
        type="button"
        class="entry"
        aria-current={current || undefined}
        onClick={() => session.goTo(one.id)}
      >
        <span class="about">
          <span class="title">
            {Number.isNaN(date.getTime())
              ? ""
              : date.toLocaleString(locale.tag, { dateStyle: "medium", timeStyle: "short" })}
          </span>
          <span class="words">
            {current ? `${t.current} · ${states[one.owner]}` : states[one.owner]}
          </span>
        </span>
        {one.unread > 0 && !current && (
          <span class="number">
            {one.unread}
            <span class="unseen"> {count(locale.tag, t.unread, one.unread)}</span>
          </span>
        )}
      </button>
    </li>
  );
}

const Conversations: Menu["Conversations"] = ({ look }) => {
  const t = look.locale.loaded?.menu ?? english;
  const { session } = look;
  const [listed, setListed] = useState<Listed | undefined>();
  const [failed, setFailed] = useState(false);
  const [sound, setSound] = useState(session.storage.get("sound") !== undefined);
  const title = useRef<HTMLHeadingElement>(null);
  const load = async (cursor?: string): Promise<void> => {
    setFailed(false);
    try {
      const by = await session.caller();
      const page = await listChannels(by, cursor ? { cursor } : {});
      setListed((before) => ({
        items: [...(cursor ? (before?.items ?? []) : []), ...page.items],
        next: page.next_cursor,
      }));
    } catch {
      setFailed(true);
    }
  };
  useEffect(() => {
    title.current?.focus();
    void load();
  }, []);
  // What goes on in another one is read there.
  const items = listed?.items.filter((one) => one.merged_into === null);
  const { next } = listed ?? {};
  return (
    <div class="menu">
      <h3 ref={title} tabIndex={-1}>
        {t.title}
      </h3>
      {!listed && !failed && <span class="spinner" />}
      {items?.length === 0 && <p class="words">{t.none}</p>}
      <ul>
        {items?.map((one) => (
          <Entry key={one.id} one={one} look={look} />
        ))}
      </ul>
      {next && (
        <button type="button" class="secondary" onClick={() => void load(next)}>
          {t.more}
        </button>
      )}
      {failed && (
        <p class="trouble-note" role="alert">
          {t.failed}
          <button type="button" class="link" onClick={() => void load()}>
            {t.tryAgain}
          </button>
        </p>
      )}
      <label class="setting">
        <input
          type="checkbox"
          checked={sound}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            setSound(on);
            session.storage.set("sound", on ? "1" : undefined);
            if (on) chime();
          }}
        />
        {t.sound}
      </label>
      <button
        type="button"
        class="primary"
        hidden={session.channel?.owner !== "closed"}
        disabled={session.busy !== undefined}
        onClick={() => void session.startNew()}
      >
        {look.locale.strings.startNew}
      </button>
    </div>
  );
};

const part: Menu = { Conversations, chime };
hand(part, css);
