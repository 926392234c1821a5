/** What a message may have beside its words, and the end of a conversation. */

import { deleteMessage, react, reopen, type Span } from "@syntera/client";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { BIN, Icon, OUT, PENCIL } from "../panel/icons.tsx";
import { Lazy } from "../panel/lazy.tsx";
import type { Extras } from "../panel/parts.ts";
import { safeUrl } from "../panel/text.ts";
import { Link, type Words, words } from "../panel/words.tsx";
import css from "./extras.css";
import { hand } from "./part.ts";

const TAGS = { strong: "strong", emphasis: "em", strike: "s" } as const;

function spans(all: readonly Span[], look: Words, links = true): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let text = "";
  const flush = (): void => {
    if (text) out.push(...words(text, look, links));
    text = "";
  };
  for (const span of all) {
    // Neighbours are one text, so that a citation between them is seen.
    if (span.type === "text") {
      text += span.text;
      continue;
    }
    flush();
    if (span.type === "break") out.push(<br />);
    else if (span.type === "code") out.push(<code>{span.text}</code>);
    else if (span.type === "link") {
      const inside = spans(span.spans, look, false);
      const href = safeUrl(span.href, "about:blank", true);
      out.push(href ? <Link href={href}>{inside}</Link> : inside);
    } else {
      const Tag = TAGS[span.type];
      out.push(<Tag>{spans(span.spans, look, links)}</Tag>);
    }
  }
  flush();
  return out;
}

/** The tree of a text. Headings are bold lines: a message is no part of the page's outline. */
const Tree: Extras["Tree"] = ({ blocks, look }) => {
  return (
    <>
      {blocks.map((block) => {
        switch (block.type) {
          case "paragraph":
            return <p dir="auto">{spans(block.spans, look)}</p>;
          case "heading":
            return (
              <p dir="auto" class="heading-line">
                {spans(block.spans, look)}
              </p>
            );
          case "list": {
            const items = block.items.map((item) => (
              <li dir="auto">
                <Tree blocks={item} look={look} />
              </li>
            ));
            return block.start === undefined || block.start === null ? (
              <ul>{items}</ul>
            ) : (
              <ol start={block.start}>{items}</ol>
            );
          }
          case "code":
            return (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
              <pre tabIndex={0}>
                <code>{block.text}</code>
              </pre>
            );
          case "quote":
            return (
              <blockquote>
                <Tree blocks={block.blocks} look={look} />
              </blockquote>
            );
          default:
            return <hr />;
        }
      })}
    </>
  );
};

const Cards: Extras["Cards"] = ({ cards, look }) => {
  return (
    <ul class="cards">
      {cards.map(({ title, text, url }) => {
        const href = safeUrl(url, document.baseURI);
        const inside = (
          <span class="about">
            <span class="title" dir="auto">
              {title}
            </span>
            {text && (
              <span class="words" dir="auto">
                {text}
              </span>
            )}
          </span>
        );
        return (
          <li>
            {href ? (
              <a class="source" href={href} target="_blank" rel="noopener">
                {inside}
                <Icon d={OUT} />
                <span class="unseen">({look.locale.strings.opensInNewTab})</span>
              </a>
            ) : (
              <span class="source">{inside}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
};

/** The signs on a message; the visitor's own can be taken off, any other set too. */
const Reactions: Extras["Reactions"] = ({ item, look }) => {
  const t = look.locale.strings;
  if (item.reactions.length === 0) return null;
  return (
    <p class="reactions">
      {item.reactions.map(({ emoji, by }) => {
        const mine = by.some((one) => one.kind === "visitor");
        return (
          <button
            type="button"
            key={emoji}
            aria-pressed={mine}
            aria-label={t.reaction(emoji, by.length)}
            onClick={() =>
              void look.session.act((caller, channel) =>
                react(caller, channel, item.seq, emoji, !mine),
              )
            }
          >
            {emoji}
            {by.length > 1 && ` ${by.length}`}
          </button>
        );
      })}
    </p>
  );
};

/** Editing a message of one's own, and taking it back. */
const Acts: Extras["Acts"] = ({ item, look }) => {
  const t = look.locale.strings;
  const { session } = look;
  const first = useRef<HTMLSpanElement>(null);
  useEffect(() => first.current?.querySelector("button")?.focus(), []);
  return (
    <span class="acts" ref={first}>
      {item.body.text !== "" && (
        <button type="button" onClick={() => look.edit(item.seq)}>
          <Icon d={PENCIL} />
          {t.edit}
        </button>
      )}
      <button
        type="button"
        onClick={() => {
          if (session.editing === item.seq) session.edit(undefined);
          void session.act((by, channel) => deleteMessage(by, channel, item.seq));
          look.focusField();
        }}
      >
        <Icon d={BIN} />
        {t.delete}
      </button>
    </span>
  );
};

/** Answers to choose from. */
const Quick: Extras["Quick"] = ({ replies, look }) => {
  const { session, locale } = look;
  return (
    <fieldset class="quick" aria-label={locale.strings.quickReplies}>
      {replies.map(({ text }) => (
        <button
          type="button"
          class="secondary"
          dir="auto"
          onClick={() => {
            session.say(text);
            look.focusField();
          }}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
};

const Confirm: Extras["Confirm"] = ({ look, onDone }) => {
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
};

/** What is left to do in a conversation that has ended. */
const Ended: Extras["Ended"] = ({ look }) => {
  const { session, locale } = look;
  const t = locale.strings;
  const { csat } = session.about.settings;
  const first = useRef<HTMLButtonElement>(null);
  // Whoever was led here from the field goes on with this.
  useEffect(() => {
    const root = first.current?.getRootNode() as ShadowRoot | undefined;
    if (root?.activeElement?.matches(".panel")) first.current?.focus();
  }, []);
  const off = session.busy !== undefined;
  const end = session.channel?.entries.findLast((one) => one.kind === "state");
  const mayReopen = end?.kind === "state" && session.about.mayReopen(end.created_at);
  return (
    <div class="over-now">
      {csat?.enabled && (
        <Lazy look={look} part="forms" draw={({ Rating }) => <Rating look={look} />} />
      )}
      <p>{t.ended}</p>
      {mayReopen && (
        <button
          type="button"
          class="secondary"
          disabled={off}
          onClick={() => void session.act((by, channel) => reopen(by, channel))}
        >
          {t.reopen}
        </button>
      )}
      <button
        type="button"
        class="primary"
        ref={first}
        disabled={off}
        onClick={() => void session.startNew()}
      >
        {t.startNew}
      </button>
    </div>
  );
};

const part: Extras = { Tree, Cards, Reactions, Acts, Quick, Confirm, Ended };
hand(part, css);
