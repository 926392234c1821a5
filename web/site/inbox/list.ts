/** The list of conversations: its views, its order, and keeping it right while things happen. */

import type { ChannelSummary, Counts } from "../../client/src/index.ts";
import { call } from "../account/api.ts";
import { box, part } from "../account/page.ts";
import { element } from "../element.ts";
import { nameOf, type Session } from "./session.ts";

interface Page {
  items: ChannelSummary[];
  next_cursor: string | null;
}

const VIEWS = { mine: "Mine", unassigned: "Unassigned", all: "All", mentions: "Mentions" } as const;
type View = keyof typeof VIEWS;

const ORDERS = {
  "last_activity:desc": "Last activity",
  "waiting:asc": "Waiting longest",
  "priority:desc": "Priority",
  "created:desc": "Newest",
};

/** Changes that come together are looked up together. */
const TOGETHER_MS = 150;

const OWNERS = { ai: "AI", queued: "wants a person", human: "person", closed: "closed" };

export class List {
  #view: View = "all";
  #channels = new Map<string, ChannelSummary>();
  #cursor: string | null = null;
  #chosen: string | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly session: Session,
    private readonly choose: (channel: string) => void,
  ) {
    const sort = part("sort", HTMLSelectElement);
    sort.append(...Object.entries(ORDERS).map(([value, text]) => new Option(text, value)));
    sort.addEventListener("change", () => this.load());
    part("more", HTMLButtonElement).addEventListener("click", () => this.#next());
    session.client.on("inbox", (summary) => this.#changed(summary));
    session.client.on("counts", (counts) => this.#views(counts));
  }

  /** Reads the list from its beginning. */
  async load(): Promise<void> {
    this.#cursor = null;
    this.#channels.clear();
    await Promise.all([
      this.#next(),
      call<Counts>("GET", "/channels/counts").then((counts) => this.#views(counts)),
    ]);
  }

  /** What is known of a channel. */
  summary(channel: string): ChannelSummary | undefined {
    return this.#channels.get(channel);
  }

  async #next(): Promise<void> {
    const [sort = "", order = ""] = part("sort", HTMLSelectElement).value.split(":");
    const query = new URLSearchParams({ view: this.#view, sort, order, limit: "50" });
    if (this.#cursor !== null) query.set("cursor", this.#cursor);
    const view = this.#view;
    const page = await call<Page>("GET", `/channels?${query}`);
    // Another view was chosen meanwhile.
    if (view !== this.#view) return;
    for (const summary of page.items) this.#channels.set(summary.id, summary);
    this.#cursor = page.next_cursor;
    this.#draw();
  }

  /** A channel changed. Whether it is in this view, and where, the server says. */
  #changed(summary: ChannelSummary): void {
    if (this.#channels.has(summary.id)) {
      this.#channels.set(summary.id, summary);
      this.#draw();
    }
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.load(), TOGETHER_MS);
  }

  #views(counts: Counts): void {
    const buttons = (Object.keys(VIEWS) as View[]).map((view) => {
      const made = element("button", "", `${VIEWS[view]} ${counts[view]}`);
      made.type = "button";
      made.ariaPressed = String(view === this.#view);
      made.dataset.view = view;
      made.addEventListener("click", () => {
        this.#view = view;
        void this.load();
      });
      return made;
    });
    const focused = document.activeElement?.getAttribute("data-view");
    box("views").replaceChildren(...buttons);
    if (focused) buttons.find((button) => button.dataset.view === focused)?.focus();
  }

  #draw(): void {
    const rows = [...this.#channels.values()].map((summary) => this.#row(summary));
    const focused = document.activeElement?.getAttribute("data-channel");
    box("channels").replaceChildren(...rows);
    if (focused) box("channels").querySelector<HTMLElement>(`[data-channel="${focused}"]`)?.focus();
    box("nothing").hidden = rows.length > 0;
    box("more").hidden = this.#cursor === null;
  }

  #row(summary: ChannelSummary): HTMLElement {
    const facts = [
      OWNERS[summary.owner],
      summary.assignee_id ? nameOf(this.session, summary.assignee_id) : "",
      summary.priority === "normal" ? "" : summary.priority,
      summary.snoozed_until ? "asleep" : "",
      ...summary.labels,
    ].filter(Boolean);
    const button = element(
      "button",
      "",
      element("strong", "", `Visitor ${summary.visitor_id.slice(-4)}`),
      ` ${facts.join(" · ")} `,
      element("span", "quiet-text", new Date(summary.last_activity_at).toLocaleTimeString()),
    );
    if (summary.unread > 0) {
      const badge = element("span", "badge", String(summary.unread));
      badge.title = "not read";
      button.append(" ", badge);
    }
    button.type = "button";
    button.dataset.channel = summary.id;
    button.ariaCurrent = String(summary.id === this.#chosen);
    button.addEventListener("click", () => {
      this.#chosen = summary.id;
      this.#draw();
      this.choose(summary.id);
    });
    return element("li", "", button);
  }
}
