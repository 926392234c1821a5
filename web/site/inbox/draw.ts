/** Draws what was said. Everything becomes text and elements of our own, never HTML. */

import type { Attachment, Block, Item, MessageView, Span } from "../../client/src/index.ts";
import { time } from "../account/text.ts";
import { type Child, element } from "../element.ts";
import { nameOf, type Session } from "./session.ts";

const MARKS = { strong: "strong", emphasis: "em", strike: "s" } as const;

function span(one: Span): Child {
  switch (one.type) {
    case "text":
      return one.text;
    case "code":
      return element("code", "", one.text);
    case "break":
      return element("br", "");
    case "link": {
      const made = element("a", "", ...one.spans.map(span));
      // The server lets nothing else through; neither do we.
      if (/^(https?|mailto):/i.test(one.href)) made.href = one.href;
      made.target = "_blank";
      made.rel = "noopener noreferrer nofollow";
      return made;
    }
    default:
      return element(MARKS[one.type], "", ...one.spans.map(span));
  }
}

function block(one: Block): HTMLElement {
  switch (one.type) {
    case "paragraph":
      return element("p", "", ...one.spans.map(span));
    case "heading":
      return element("p", "heading", ...one.spans.map(span));
    case "list": {
      const items = one.items.map((item) => element("li", "", ...item.map(block)));
      if (one.start === undefined) return element("ul", "", ...items);
      const made = element("ol", "", ...items);
      made.start = one.start;
      return made;
    }
    case "code":
      return element("pre", "", element("code", "", one.text));
    case "quote":
      return element("blockquote", "", ...one.blocks.map(block));
    default:
      return element("hr", "");
  }
}

/** A text as blocks, or as it was written. */
function words(text: string, blocks: Block[] | undefined): HTMLElement[] {
  if (blocks?.length) return blocks.map(block);
  return text === "" ? [] : [element("p", "plain", text)];
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function file(one: Attachment): HTMLElement {
  const link = element("a", "file");
  link.href = `/api/v1/attachments/${one.id}`;
  link.target = "_blank";
  link.rel = "noopener";
  if (one.thumbnail) {
    const picture = element("img", "");
    picture.src = `${link.href}/thumbnail`;
    picture.alt = one.name;
    picture.loading = "lazy";
    link.append(picture);
  } else {
    link.append(`${one.name} (${size(one.size)})`);
  }
  return link;
}

function author(session: Session, message: MessageView): string {
  const { kind, id, name } = message.entry.sender;
  if (kind === "visitor") return "Visitor";
  if (kind === "agent") return name ?? "AI";
  return name ?? nameOf(session, id);
}

/** A message or a note. */
function message(session: Session, one: MessageView): HTMLElement {
  const about = element("p", "about", element("strong", "", author(session, one)), " ");
  if (one.entry.kind === "note") about.append(element("span", "badge", "note"), " ");
  about.append(time(one.entry.created_at));
  if (one.edited && !one.deleted) about.append(" (edited)");
  const made = element("li", `entry ${one.entry.kind} from-${one.entry.sender.kind}`, about);
  made.dataset.seq = String(one.seq);
  if (one.deleted) {
    made.append(element("p", "quiet-text", "Taken back."));
    return made;
  }
  const { text, blocks, attachments, sources } = one.body;
  made.append(...words(text, blocks), ...(attachments ?? []).map(file));
  for (const source of sources ?? []) {
    made.append(element("p", "quiet-text", `[${source.n}] ${source.title}`));
  }
  if (one.reactions.length > 0) {
    const signs = one.reactions.map(({ emoji, by }) => `${emoji} ${by.length}`);
    made.append(element("p", "reactions", signs.join("  ")));
  }
  if (one.helpful !== undefined) {
    made.append(element("p", "quiet-text", one.helpful ? "It helped." : "It did not help."));
  }
  return made;
}

const OWNERS = {
  ai: "The AI answers.",
  queued: "A person is wanted.",
  human: "A person answers.",
  closed: "The conversation ended.",
};

/** What happened, as a sentence; nothing where it is told elsewhere. */
function event(session: Session, item: Exclude<Item, MessageView>): string | undefined {
  const who = nameOf(session, item.entry.sender.id);
  if (item.type === "state") {
    const { owner, episode, sender } = item.entry;
    if (owner === "human" && sender.kind === "user") return `Taken over by ${who}.`;
    if ((episode ?? 1) > 1 && owner !== "closed") return `Opened again. ${OWNERS[owner]}`;
    return OWNERS[owner];
  }
  const { change } = item.entry;
  switch (change.what) {
    case "assigned": {
      const team = session.teams.find(({ id }) => id === change.team_id)?.name;
      return `Assigned to ${[nameOf(session, change.user_id), team].filter(Boolean).join(", ")}.`;
    }
    case "labelled":
      return change.labels.length > 0 ? `Labels: ${change.labels.join(", ")}.` : "No labels.";
    case "prioritised":
      return `Priority: ${change.priority}.`;
    case "snoozed":
      return change.until
        ? `Asleep until ${new Date(change.until).toLocaleString()}.`
        : "Awake again.";
    case "joined":
      return `Joined by ${nameOf(session, change.user_id)}.`;
    case "left":
      return `Left by ${nameOf(session, change.user_id)}.`;
    case "merged":
      return "It goes on in another conversation.";
    case "absorbed":
      return "Another conversation goes on here.";
    case "unmerged":
      return "A merge was undone.";
    case "rated":
      return `Rated ${change.score} of 5${item.entry.body ? `: ${item.entry.body.text}` : "."}`;
    case "consented":
      return "The visitor agreed to the terms.";
    default:
      return undefined;
  }
}

/** One thing of the conversation. */
export function draw(session: Session, item: Item): HTMLElement | undefined {
  if (item.type === "message") return message(session, item);
  const text = event(session, item);
  if (text === undefined) return undefined;
  const made = element("li", "event", text, " ", time(item.entry.created_at));
  made.dataset.seq = String(item.seq);
  return made;
}
