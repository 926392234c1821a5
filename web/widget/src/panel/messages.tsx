/** The conversation's list: messages, what is being written, what waits to be sent, changes of state. */

import type { MessageEntry, Outgoing, Sender, Source, StateEntry } from "@syntera/client";
import type { ComponentChildren } from "preact";
import type { Locale } from "../strings/index.ts";
import { Icon } from "./icons.tsx";
import type { Session } from "./session.ts";
import { citesOf, parts, safeUrl } from "./text.ts";

export interface Look {
  session: Session;
  locale: Locale;
  askPerson: () => void;
}

/** The name that stands for a sender. */
export function nameOf(sender: Sender, { session, locale }: Look): string {
  const t = locale.strings;
  if (sender.kind === "visitor") return t.you;
  if (sender.kind === "user") return sender.name ?? t.personFallback;
  return sender.name ?? session.agentName ?? t.agentFallback;
}

function Text({
  text,
  sources,
  streaming,
  look,
}: {
  text: string;
  sources?: readonly Source[] | undefined;
  streaming?: boolean;
  look: Look;
}) {
  const t = look.locale.strings;
  return (
    <p class="text" dir="auto">
      {parts(text, streaming ? "all" : citesOf(sources)).map((part) => {
        if (part.kind === "text") return part.text;
        if (part.kind === "link") {
          return (
            <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
              {part.text}
            </a>
          );
        }
        const source = sources?.find((one) => one.n === part.n);
        const url = safeUrl(source?.url, document.baseURI);
        return source && url ? (
          <a
            class="cite"
            href={url}
            target="_blank"
            rel="noopener"
            aria-label={t.source(part.n, source.title)}
          >
            {part.n}
          </a>
        ) : (
          <span class="cite">{part.n}</span>
        );
      })}
      {streaming && <span class="caret" />}
    </p>
  );
}

function Sources({ sources, look }: { sources: readonly Source[]; look: Look }) {
  const t = look.locale.strings;
  return (
    <ul class="sources" aria-label={t.sources}>
      {sources.map((source) => {
        const url = safeUrl(source.url, document.baseURI);
        const inside = (
          <>
            <span class="number">{source.n}</span>
            <span class="about">
              <span class="title" dir="auto">
                {source.title}
              </span>
              <span class="quote" dir="auto">
                {source.quote}
              </span>
            </span>
          </>
        );
        return (
          <li key={source.n}>
            {url ? (
              <a class="source" href={url} target="_blank" rel="noopener">
                {inside}
                <Icon name="out" />
                <span class="unseen">({t.opensInNewTab})</span>
              </a>
            ) : (
              <span class="source">{inside}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Who({ sender, look }: { sender: Sender; look: Look }) {
  const t = look.locale.strings;
  const person = sender.kind === "user";
  return (
    <p class="who">
      <span class={person ? "face person" : "face"}>
        <Icon name={person ? "person" : "spark"} />
      </span>
      <span class="name">{nameOf(sender, look)}</span>
      <span class="role">{person ? t.personRole : t.aiAgent}</span>
    </p>
  );
}

/** A message of the agent or of a person; `first` of a run of theirs. */
function Theirs({
  sender,
  first,
  children,
  look,
}: {
  sender: Sender;
  first: boolean;
  children: ComponentChildren;
  look: Look;
}) {
  return (
    <div class={`theirs ${sender.kind}`} data-first={first || undefined}>
      {first ? (
        <Who sender={sender} look={look} />
      ) : (
        <span class="unseen">{nameOf(sender, look)}</span>
      )}
      {children}
    </div>
  );
}

function Mine({
  text,
  look,
  children,
}: {
  text: string;
  look: Look;
  children?: ComponentChildren;
}) {
  return (
    <div class="mine">
      <span class="unseen">{look.locale.strings.you}</span>
      <Text text={text} look={look} />
      {children}
    </div>
  );
}

function Unsent({ item, look }: { item: Outgoing; look: Look }) {
  const t = look.locale.strings;
  const { session } = look;
  if (item.state !== "failed") {
    const online = session.status === "online";
    return (
      <Mine text={item.text} look={look}>
        {item.state !== "acked" && (
          <span class="note late">{online ? t.sending : t.waitingToSend}</span>
        )}
      </Mine>
    );
  }
  const again = item.error !== "channel_closed";
  return (
    <Mine text={item.text} look={look}>
      <span class="note failed" role="alert">
        <Icon name="alert" />
        {item.error === "rate_limited" ? t.tooManyMessages : t.notSent}
        {again && (
          <button type="button" class="link" onClick={() => session.channel?.retry(item.clientId)}>
            {t.tryAgain}
          </button>
        )}
        <button type="button" class="link" onClick={() => session.edit(item)}>
          {t.edit}
        </button>
      </span>
    </Mine>
  );
}

/** What a change of owner reads like; the opening of a conversation needs no words. */
export function stateText(entry: StateEntry, look: Look): string | undefined {
  const t = look.locale.strings;
  switch (entry.owner) {
    case "queued":
      return entry.sender.kind === "visitor" ? t.stateAsked : t.statePassedOn;
    case "human":
      return t.stateJoined(
        entry.sender.kind === "user" ? nameOf(entry.sender, look) : t.personFallback,
      );
    case "ai":
      return entry.seq === 1 ? undefined : t.stateAgentBack;
    case "closed":
      return t.stateEnded;
  }
}

function Dots({ name, look }: { name: string; look: Look }) {
  return (
    <p class="dots">
      <span class="unseen">{look.locale.strings.writing(name)}</span>
      <span class="dot" />
      <span class="dot" />
      <span class="dot" />
    </p>
  );
}

function Time({ at, look }: { at: string; look: Look }) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return null;
  const today = new Date().toDateString() === date.toDateString();
  const shown = date.toLocaleString(look.locale.tag, {
    ...(today ? {} : { month: "short", day: "numeric" }),
    hour: "numeric",
    minute: "2-digit",
  });
  return (
    <time class="time" dateTime={at}>
      {shown}
    </time>
  );
}

/** Messages of one sender within this time are one run, with one name and one time. */
const RUN_MS = 5 * 60_000;

function sameRun(
  a: MessageEntry | StateEntry | undefined,
  b: MessageEntry | StateEntry | undefined,
) {
  return (
    a?.kind === "message" &&
    b?.kind === "message" &&
    a.sender.kind === b.sender.kind &&
    a.sender.name === b.sender.name &&
    Date.parse(b.created_at) - Date.parse(a.created_at) < RUN_MS
  );
}

export function Messages({ look }: { look: Look }) {
  const { session } = look;
  const { channel } = session;
  const t = look.locale.strings;
  const entries = (channel?.entries ?? []).filter((entry) => entry.kind !== "other");
  const last = entries.at(-1);
  const agent: Sender = { kind: "agent" };
  const afterAgent = last?.kind === "message" && last.sender.kind === "agent";
  const typist = channel?.typists.find((one) => one.kind === "user");
  return (
    <>
      <div class="intro">
        <p class="hello">{session.agentName ? t.greeting(session.agentName) : t.greetingNoName}</p>
        <p class="more">{t.greetingMore}</p>
      </div>
      {entries.map((entry, index) => {
        if (entry.kind === "state") {
          const text = stateText(entry, look);
          return text === undefined ? null : (
            <p class="state" key={entry.seq}>
              {text}
            </p>
          );
        }
        const first = !sameRun(entries[index - 1], entry);
        const time = sameRun(entry, entries[index + 1]) ? null : (
          <Time at={entry.created_at} look={look} />
        );
        if (entry.sender.kind === "visitor") {
          return (
            <Mine key={entry.seq} text={entry.body.text} look={look}>
              {time}
            </Mine>
          );
        }
        const { text, sources, offers_person: offers } = entry.body;
        return (
          <Theirs key={entry.seq} sender={entry.sender} first={first} look={look}>
            <Text text={text} sources={sources} look={look} />
            {sources && sources.length > 0 && <Sources sources={sources} look={look} />}
            {offers && entry === last && channel?.owner === "ai" && (
              <div class="offer">
                <p>{t.offer}</p>
                <button
                  type="button"
                  class="primary"
                  disabled={session.busy !== undefined}
                  onClick={look.askPerson}
                >
                  <Icon name="person" />
                  {t.talkToPerson}
                </button>
              </div>
            )}
            {time}
          </Theirs>
        );
      })}
      {session.outbox.map((item) => (
        <Unsent key={item.clientId} item={item} look={look} />
      ))}
      {channel?.streams.map((stream) => (
        <Theirs key={stream.turnId} sender={agent} first={!afterAgent} look={look}>
          {stream.text === "" ? (
            <Dots name={nameOf(agent, look)} look={look} />
          ) : (
            <Text text={stream.text} streaming look={look} />
          )}
        </Theirs>
      ))}
      {session.thinking && (
        <Theirs sender={agent} first={!afterAgent} look={look}>
          <Dots name={nameOf(agent, look)} look={look} />
        </Theirs>
      )}
      {typist && (
        <Theirs sender={typist} first look={look}>
          <Dots name={nameOf(typist, look)} look={look} />
        </Theirs>
      )}
    </>
  );
}
