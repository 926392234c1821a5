/** The panel: its head, the conversation, its foot, and how it behaves as a window on the page. */

import type { Ref } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Locale } from "../strings/index.ts";
import { attach } from "./composer.tsx";
import { Footer } from "./footer.tsx";
import { BACK, CLOSE, DOWN, Icon, LIST, PERSON, SPARK } from "./icons.tsx";
import { composing } from "./keys.ts";
import { Lazy } from "./lazy.tsx";
import { type Look, Messages, nameOf, stateText } from "./messages.tsx";
import type { Session } from "./session.ts";

/** Within so many pixels of the end, the list follows what comes. */
const NEAR = 80;

function Head({ look, onClose }: { look: Look; onClose: () => void }) {
  const { session, locale } = look;
  const t = locale.strings;
  const owner = session.channel?.owner;
  const menu = session.page === "menu";
  const person = session.channel?.entries.findLast(
    (entry) => entry.kind !== "other" && entry.sender.kind === "user",
  );
  const human = owner === "human" && person && person.kind !== "other" ? person.sender : undefined;
  return (
    <div class="head">
      <button
        type="button"
        class="close"
        aria-label={menu ? t.back : t.menu}
        disabled={session.phase !== "live"}
        onClick={() => session.turnTo(menu ? "chat" : "menu")}
      >
        <Icon d={menu ? BACK : LIST} class={menu ? "flips" : ""} />
      </button>
      <span class={human ? "face large person" : "face large"}>
        <Icon d={human ? PERSON : SPARK} />
      </span>
      <div class="heading">
        <h2 id="title">
          <bdi>{nameOf(human ?? { kind: "agent" }, look)}</bdi>
        </h2>
        <p>{human ? t.personRole : t.aiAgent}</p>
      </div>
      <button type="button" class="close" aria-label={t.close} onClick={onClose}>
        <Icon d={CLOSE} />
      </button>
    </div>
  );
}

/** One line over the conversation that says how the connection is, when it is not well. */
function Notice({ look }: { look: Look }) {
  const { session, locale } = look;
  const t = locale.strings;
  const { phase, status } = session;
  if (phase === "refused") {
    return (
      <div class="notice bad" role="alert">
        {t.refused}
        <button type="button" class="link" onClick={() => session.retry()}>
          {t.tryAgain}
        </button>
      </div>
    );
  }
  if (status === "offline") {
    return (
      <div class="notice" role="status">
        {t.offline}
      </div>
    );
  }
  if (phase === "failed") {
    return (
      <div class="notice bad" role="alert">
        {t.failed}
        <button type="button" class="link" onClick={() => session.retry()}>
          {t.tryAgain}
        </button>
      </div>
    );
  }
  if (status === "online") return null;
  return (
    <div class="notice slow" role="status">
      <span class="spinner" />
      {status === "reconnecting" ? t.reconnecting : t.connecting}
    </div>
  );
}

/** Says aloud what is finished: whole messages and changes, never the words as they are written. */
function Announcer({ look }: { look: Look }) {
  return (
    <div class="unseen" aria-live="polite" aria-atomic="false">
      {look.session.announcements.map(({ id, entry }) => {
        if (entry.kind === "message") {
          return <p key={id}>{`${nameOf(entry.sender, look)}: ${entry.body.text}`}</p>;
        }
        return <p key={id}>{entry.kind === "state" ? stateText(entry, look) : ""}</p>;
      })}
    </div>
  );
}

/** Keeps the end in view for whoever is there, and leaves alone whoever reads further up. */
function useFollow(list: Ref<HTMLDivElement> & { current: HTMLDivElement | null }) {
  const following = useRef(true);
  const [behind, setBehind] = useState(false);
  const height = useRef(0);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element || element.scrollHeight === height.current) return;
    height.current = element.scrollHeight;
    if (following.current) element.scrollTop = element.scrollHeight;
    else setBehind(true);
  });
  // What grows below the list must not hide its end.
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const seen = new ResizeObserver(() => {
      if (following.current) element.scrollTop = element.scrollHeight;
    });
    seen.observe(element);
    return () => seen.disconnect();
  }, []);
  const toEnd = (): void => {
    following.current = true;
    setBehind(false);
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  const onScroll = (): void => {
    const element = list.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    if (following.current) setBehind(false);
  };
  return { behind, toEnd, onScroll };
}

/** On a phone the keyboard covers the page's foot: the panel takes what is left to be seen. */
function useVisibleHeight(panel: { current: HTMLElement | null }, open: boolean): void {
  useEffect(() => {
    const seen = window.visualViewport;
    if (!open || !seen) return;
    const fit = (): void => {
      panel.current?.style.setProperty("--seen", `${seen.height}px`);
      panel.current?.style.setProperty("--above", `${seen.offsetTop}px`);
    };
    fit();
    seen.addEventListener("resize", fit);
    seen.addEventListener("scroll", fit);
    return () => {
      seen.removeEventListener("resize", fit);
      seen.removeEventListener("scroll", fit);
    };
  }, [open, panel]);
}

export function Panel({
  session,
  locale,
  greeting,
  open,
  onClose,
}: {
  session: Session;
  locale: Locale;
  greeting: string | undefined;
  open: boolean;
  onClose: () => void;
}) {
  const t = locale.strings;
  const panel = useRef<HTMLElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  /** Where a keyboard would slide over half of the screen, only the person brings it up. */
  const focusField = (): void => {
    if (matchMedia("(pointer: coarse)").matches) panel.current?.focus();
    else (field.current ?? panel.current)?.focus();
  };
  const look: Look = {
    session,
    locale,
    greeting,
    focusField,
    within: () => !!(panel.current?.getRootNode() as ShadowRoot | undefined)?.activeElement,
    edit(seq) {
      session.edit(seq);
      focusField();
    },
    askPerson() {
      void session.talkToPerson();
      // The button goes away with what it asks for: the focus must not go with it.
      focusField();
      toEnd();
    },
  };
  const [confirming, setConfirming] = useState(false);
  const [dropping, setDropping] = useState(false);
  const menu = session.page === "menu";
  const { behind, toEnd, onScroll } = useFollow(list);
  useVisibleHeight(panel, open);
  const unsent = session.outbox.length;
  const sentBefore = useRef(unsent);
  // Only opening moves the focus and the list.
  useEffect(() => {
    if (!open) return;
    toEnd();
    focusField();
  }, [open]);
  // Whoever comes back from the menu is where they were.
  const wasMenu = useRef(menu);
  useEffect(() => {
    if (wasMenu.current && !menu) {
      toEnd();
      focusField();
    }
    wasMenu.current = menu;
  }, [menu]);
  // Whoever sends wants to see it go.
  useLayoutEffect(() => {
    if (unsent > sentBefore.current) toEnd();
    sentBefore.current = unsent;
  }, [unsent]);
  return (
    <section
      ref={panel}
      class="panel"
      role="dialog"
      aria-labelledby="title"
      lang={locale.tag}
      dir={locale.dir}
      hidden={!open}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !composing(event)) onClose();
      }}
      onDragOver={(event) => {
        if (menu || !event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={(event) => {
        const to = event.relatedTarget as Node | null;
        if (!to || !panel.current?.contains(to)) setDropping(false);
      }}
      onDrop={(event) => {
        setDropping(false);
        if (menu || !event.dataTransfer?.files.length) return;
        event.preventDefault();
        attach(look, event.dataTransfer.files);
        focusField();
      }}
    >
      <Head look={look} onClose={onClose} />
      {menu && (
        <div class="middle">
          <Lazy
            look={look}
            part="menu"
            draw={({ Conversations }) => <Conversations look={look} />}
          />
        </div>
      )}
      <div class="middle" hidden={menu}>
        <Notice look={look} />
        <div
          ref={list}
          class="list"
          role="log"
          aria-live="off"
          aria-label={t.log}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
          tabIndex={0}
          onScroll={onScroll}
        >
          <Messages look={look} />
          {session.channel?.owner === "queued" && <p class="state soft">{t.waitingMore}</p>}
        </div>
        {behind && (
          <button type="button" class="behind" onClick={toEnd}>
            <Icon d={DOWN} />
            {t.newMessages}
          </button>
        )}
        {dropping && <p class="drop">{t.dropHere}</p>}
      </div>
      {!menu && (
        <Footer look={look} field={field} confirming={confirming} setConfirming={setConfirming} />
      )}
      <Announcer look={look} />
    </section>
  );
}
