/** The conversation's list: messages, what is being written, what waits to be sent, changes of state. */

import type { Item, MessageView, Sender, StateEntry } from "@syntera/client";
import type { Locale } from "../strings/index.ts";
import { Icon, PERSON } from "./icons.tsx";
import { Answer, Own, Text, Theirs, Unsent } from "./message.tsx";
import type { Session } from "./session.ts";

export interface Look {
  session: Session;
  locale: Locale;
  /** The first words of a conversation, instead of our own. */
  greeting: string | undefined;
  askPerson: () => void;
  /** Begins to edit a message, or leaves it. */
  edit: (seq: number | undefined) => void;
  focusField: () => void;
  /** Whether the focus is in the panel. */
  within: () => boolean;
}

/** The name that stands for a sender. */
export function nameOf(sender: Sender, { session, locale }: Look): string {
  const t = locale.strings;
  if (sender.kind === "visitor") return t.you;
  if (sender.kind === "user") return sender.name ?? t.personFallback;
  return sender.name ?? session.agentName ?? t.agentFallback;
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
      if (entry.seq === 1) return undefined;
      return (entry.episode ?? 1) > 1 ? t.stateReopened : t.stateAgentBack;
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

function sameRun(a: Item | undefined, b: Item | undefined): boolean {
  if (a?.type !== "message" || b?.type !== "message") return false;
  const [x, y] = [a.entry, b.entry];
  return (
    x.sender.kind === y.sender.kind &&
    x.sender.name === y.sender.name &&
    Date.parse(y.created_at) - Date.parse(x.created_at) < RUN_MS
  );
}

/** The way to a person, where the agent cannot help or the company asks first. */
export function Offer({ look }: { look: Look }) {
  const { session, locale } = look;
  const t = locale.strings;
  return (
    <div class="offer">
      <p>{t.offer}</p>
      <button
        type="button"
        class="primary"
        disabled={session.busy !== undefined}
        onClick={look.askPerson}
      >
        <Icon d={PERSON} />
        {t.talkToPerson}
      </button>
    </div>
  );
}

function Greeting({ look }: { look: Look }) {
  const { session, locale, greeting } = look;
  const t = locale.strings;
  const own = greeting ?? session.about.greeting(locale.tag);
  return (
    <div class="intro">
      {own ? (
        <p class="hello" dir="auto">
          {own}
        </p>
      ) : (
        <>
          <p class="hello">
            {session.agentName ? t.greeting(session.agentName) : t.greetingNoName}
          </p>
          <p class="more">{t.greetingMore}</p>
        </>
      )}
    </div>
  );
}

export function Messages({ look }: { look: Look }) {
  const { session } = look;
  const { channel } = session;
  const items = (channel?.view.items ?? []).filter((item) => item.type !== "change");
  const last = items.at(-1);
  const begun = session.outbox.length > 0 || items.some((item) => item.type === "message");
  const agent: Sender = { kind: "agent" };
  const afterAgent = last?.type === "message" && last.entry.sender.kind === "agent";
  const typist = channel?.typists.find((one) => one.kind === "user");
  const message = (item: MessageView, index: number) => {
    const time = sameRun(item, items[index + 1]) ? null : (
      <Time at={item.entry.created_at} look={look} />
    );
    return item.entry.sender.kind === "visitor" ? (
      <Own key={item.seq} item={item} time={time} look={look} />
    ) : (
      <Answer
        key={item.seq}
        item={item}
        first={!sameRun(items[index - 1], item)}
        last={item === last}
        time={time}
        look={look}
      />
    );
  };
  return (
    <>
      <Greeting look={look} />
      {session.about.settings.ai_first === false && !begun && channel?.owner === "ai" && (
        <Offer look={look} />
      )}
      {items.map((item, index) => {
        if (item.type === "message") return message(item, index);
        const text = item.type === "state" ? stateText(item.entry, look) : undefined;
        return text === undefined ? null : (
          <p class="state" key={item.seq}>
            {text}
          </p>
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
            <Text body={{ text: stream.text }} streaming look={look} />
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
