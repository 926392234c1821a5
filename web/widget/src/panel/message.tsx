/** One message: its words, and what hangs on them. */

import {
  type Attachment,
  type MessageBody,
  type MessageView,
  type Outgoing,
  type Sender,
  type Source,
  setHelpful,
} from "@syntera/client";
import type { ComponentChildren } from "preact";
import { ALERT, DOTS, Icon, OUT, PERSON, SPARK, THUMB } from "./icons.tsx";
import { Lazy } from "./lazy.tsx";
import { type Look, nameOf, Offer } from "./messages.tsx";
import { safeUrl } from "./text.ts";
import { words } from "./words.tsx";

export function Text({
  body,
  streaming,
  look,
}: {
  body: MessageBody;
  streaming?: boolean;
  look: Look;
}) {
  const { text, blocks, sources } = body;
  const how = { sources, streaming, cite: look.locale.strings.source };
  if (blocks) {
    return (
      <Lazy
        look={look}
        part="extras"
        draw={({ Tree }) => (
          <div class="text tree">
            <Tree blocks={blocks} look={how} />
          </div>
        )}
        meanwhile={
          <p class="text" dir="auto">
            {words(text, how)}
          </p>
        }
      />
    );
  }
  if (text === "" && !streaming) return null;
  return (
    <p class="text" dir="auto">
      {words(text, how)}
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
        const title = (
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
                {title}
                <Icon d={OUT} />
                <span class="unseen">({t.opensInNewTab})</span>
              </a>
            ) : (
              <details>
                <summary class="source">{title}</summary>
                <p class="words" dir="auto">
                  {source.quote}
                </p>
              </details>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Attached({ files, look }: { files: readonly Attachment[] | undefined; look: Look }) {
  if (!files?.length) return null;
  return (
    <Lazy
      look={look}
      part="files"
      draw={({ Attached }) => <Attached look={look} attachments={files} />}
    />
  );
}

/** Whether an answer of the AI helped. */
function Thumbs({ item, look }: { item: MessageView; look: Look }) {
  const t = look.locale.strings;
  return (
    <span class="thumbs">
      {[true, false].map((good) => (
        <button
          type="button"
          aria-pressed={item.helpful === good}
          aria-label={good ? t.helpful : t.notHelpful}
          onClick={() =>
            void look.session.act((by, channel) =>
              setHelpful(by, channel, item.seq, item.helpful === good ? null : good),
            )
          }
        >
          <Icon d={THUMB} class={good ? "" : "down"} />
        </button>
      ))}
    </span>
  );
}

function Who({ sender, look }: { sender: Sender; look: Look }) {
  const t = look.locale.strings;
  const person = sender.kind === "user";
  return (
    <p class="who">
      <span class={person ? "face person" : "face"}>
        <Icon d={person ? PERSON : SPARK} />
      </span>
      <span class="name" dir="auto">
        {nameOf(sender, look)}
      </span>
      <span class="role">{person ? t.personRole : t.aiAgent}</span>
    </p>
  );
}

/** A message of the agent or of a person; `first` of a run of theirs. */
export function Theirs({
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
  body,
  files,
  look,
  children,
}: {
  body: MessageBody;
  files?: readonly Attachment[] | undefined;
  look: Look;
  children?: ComponentChildren;
}) {
  return (
    <div class="mine">
      <span class="unseen">{look.locale.strings.you}</span>
      <Text body={body} look={look} />
      <Attached files={files} look={look} />
      {children}
    </div>
  );
}

export function Unsent({ item, look }: { item: Outgoing; look: Look }) {
  const t = look.locale.strings;
  const { session } = look;
  const failed = item.state === "failed";
  return (
    <Mine body={{ text: item.text }} files={item.attachments} look={look}>
      {!failed && item.state !== "acked" && (
        <span class="note late">{session.status === "online" ? t.sending : t.waitingToSend}</span>
      )}
      {failed && (
        <span class="note failed" role="alert">
          <Icon d={ALERT} />
          {item.error === "rate_limited" ? t.tooManyMessages : t.notSent}
          {item.error !== "channel_closed" && (
            <button
              type="button"
              class="link"
              onClick={() => session.channel?.retry(item.clientId)}
            >
              {t.tryAgain}
            </button>
          )}
          <button type="button" class="link" onClick={() => session.takeBack(item)}>
            {t.edit}
          </button>
        </span>
      )}
    </Mine>
  );
}

/** What of a message follows its words, of whomever it is. */
function Below({ item, time, look }: { item: MessageView; time: ComponentChildren; look: Look }) {
  const rated = item.entry.sender.kind === "agent" && !item.deleted;
  return (
    <>
      {item.reactions.length > 0 && (
        <Lazy
          look={look}
          part="extras"
          draw={({ Reactions }) => <Reactions look={look} item={item} />}
        />
      )}
      {(time || rated || item.edited) && (
        <div class="meta">
          {time}
          {item.edited && !item.deleted && <span class="time">{look.locale.strings.edited}</span>}
          {rated && <Thumbs item={item} look={look} />}
        </div>
      )}
    </>
  );
}

function Gone({ look }: { look: Look }) {
  return <p class="text gone">{look.locale.strings.deleted}</p>;
}

/** A message of the visitor, who may edit it and take it back for a while. */
export function Own({
  item,
  time,
  look,
}: {
  item: MessageView;
  time: ComponentChildren;
  look: Look;
}) {
  const t = look.locale.strings;
  const { session } = look;
  const below = <Below item={item} time={time} look={look} />;
  if (item.deleted) {
    return (
      <div class="mine">
        <Gone look={look} />
        {below}
      </div>
    );
  }
  const open = session.channel?.owner !== "closed";
  const acting = open && session.acting === item.seq;
  return (
    <Mine body={item.body} files={item.body.attachments} look={look}>
      {open && session.about.mayChange(item.entry.created_at) && (
        <button
          type="button"
          class="act"
          aria-label={t.options}
          aria-expanded={acting}
          onClick={() => session.choose(acting ? undefined : item.seq)}
        >
          <Icon d={DOTS} />
        </button>
      )}
      {acting && (
        <Lazy look={look} part="extras" draw={({ Acts }) => <Acts look={look} item={item} />} />
      )}
      {below}
    </Mine>
  );
}

/** A message of the agent or of a person; with the ways on when it is the `last` one. */
export function Answer({
  item,
  first,
  last,
  time,
  look,
}: {
  item: MessageView;
  first: boolean;
  last: boolean;
  time: ComponentChildren;
  look: Look;
}) {
  const { session } = look;
  const { sources, cards, attachments, quick_replies: quick, offers_person: offers } = item.body;
  const owner = session.channel?.owner;
  return (
    <Theirs sender={item.entry.sender} first={first} look={look}>
      {item.deleted ? <Gone look={look} /> : <Text body={item.body} look={look} />}
      <Attached files={attachments} look={look} />
      {cards?.length ? (
        <Lazy look={look} part="extras" draw={({ Cards }) => <Cards look={look} cards={cards} />} />
      ) : null}
      {sources?.length ? <Sources sources={sources} look={look} /> : null}
      {offers && last && owner === "ai" && <Offer look={look} />}
      <Below item={item} time={time} look={look} />
      {quick?.length && last && owner !== "closed" && session.outbox.length === 0 ? (
        <Lazy
          look={look}
          part="extras"
          draw={({ Quick }) => <Quick look={look} replies={quick} />}
        />
      ) : null}
    </Theirs>
  );
}
