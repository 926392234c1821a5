/** One conversation: what was said, who is here, and what is done with it. */

import type { Channel } from "../../client/src/index.ts";
import { call } from "../account/api.ts";
import { say, unforeseen } from "../account/forms.ts";
import { box } from "../account/page.ts";
import { Problem, words } from "../account/problem.ts";
import { element } from "../element.ts";
import type { Composer } from "./composer.ts";
import type { Details } from "./details.ts";
import { draw } from "./draw.ts";
import { nameOf, type Session } from "./session.ts";

export class Thread {
  #channel: Channel | undefined;
  #off: (() => void)[] = [];
  /** Entries that stand on the page, by what they were drawn from. */
  #drawn = 0;

  constructor(
    private readonly session: Session,
    private readonly details: Details,
    private readonly composer: Composer,
  ) {
    // What scrolls must be reached by keys.
    box("scroll").tabIndex = 0;
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Shows another conversation. */
  async open(id: string): Promise<void> {
    this.#close();
    const channel = this.session.client.open(id);
    this.#channel = channel;
    this.#drawn = 0;
    const title = box("thread-title");
    title.textContent = `Conversation ${id.slice(-4)}`;
    title.focus();
    box("entries").replaceChildren();
    this.#off = [
      channel.on("change", () => this.#draw()),
      channel.on("entry", () => this.#standing()),
      this.session.client.on("status", () => this.#look()),
    ];
    this.composer.open(channel);
    this.#draw();
    await this.#standing();
    this.#look();
  }

  #close(): void {
    for (const off of this.#off) off();
    this.#off = [];
    this.#channel?.viewing(false);
    if (this.#channel) this.session.client.leave(this.#channel.id);
  }

  /** Tells the colleagues whether somebody looks at it here. */
  #look(): void {
    const visible = document.visibilityState === "visible";
    this.#channel?.viewing(visible);
    this.#read();
  }

  #read(): void {
    const channel = this.#channel;
    if (channel && document.visibilityState === "visible") channel.read(channel.log.highest);
  }

  #draw(): void {
    const channel = this.#channel;
    if (!channel) return;
    const list = box("entries");
    const scroll = box("scroll");
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    const items = channel.view.items.map((item) => draw(this.session, item));
    const streams = channel.streams.map(({ text }) =>
      element("li", "entry message from-agent streaming", element("p", "plain", text)),
    );
    const waiting = channel.outbox
      .filter((item) => item.state !== "acked")
      .map((item) => {
        const made = element(
          "li",
          `entry outgoing ${item.state}`,
          element("p", "plain", item.text),
        );
        if (item.state !== "failed") return made;
        const again = element("button", "quiet", "Try again");
        again.type = "button";
        again.addEventListener("click", () => channel.retry(item.clientId));
        made.append(element("p", "warning", `Not sent: ${item.error}. `), again);
        return made;
      });
    list.replaceChildren(...items.filter((one) => one !== undefined), ...streams, ...waiting);
    if (atEnd || this.#drawn === 0) scroll.scrollTop = scroll.scrollHeight;
    this.#drawn = items.length;
    this.#people(channel);
    this.#read();
  }

  /** Who else is here: before two people answer the same. */
  #people(channel: Channel): void {
    const others = channel.viewers.filter(({ user_id }) => user_id !== this.session.me.id);
    const names = (typing: boolean) =>
      others.filter((one) => one.typing === typing).map((one) => nameOf(this.session, one.user_id));
    const writing = names(true);
    const looking = names(false);
    box("viewers").textContent = [
      writing.length > 0 ? `${writing.join(", ")} writes an answer.` : "",
      looking.length > 0 ? `${looking.join(", ")} looks at this too.` : "",
    ]
      .filter(Boolean)
      .join(" ");
    const visitor = channel.typists.some(({ kind }) => kind === "visitor");
    box("typing").textContent = visitor ? "The visitor is typing…" : "";
  }

  /** What may be done now depends on who answers. */
  async #standing(): Promise<void> {
    const id = this.#channel?.id;
    if (!id) return;
    const channel = await this.details.show(id);
    if (this.#channel?.id !== id) return;
    const buttons: HTMLElement[] = [];
    if (this.session.mayWrite) {
      const add = (text: string, path: string, body: unknown): number =>
        buttons.push(this.#button(text, path, body));
      if (channel.owner === "closed") {
        if (!channel.merged_into) add("Open again", "reopen", { owner: "human" });
      } else {
        if (channel.owner !== "human" || channel.assignee_id !== this.session.me.id)
          add("Take over", "owner", { owner: "human" });
        if (channel.owner !== "ai") add("Hand back to the AI", "owner", { owner: "ai" });
        add("Close", "owner", { owner: "closed" });
      }
    }
    box("thread-buttons").replaceChildren(...buttons);
    this.composer.may(this.session.mayWrite, channel.owner === "closed");
  }

  #button(text: string, path: string, body: unknown): HTMLElement {
    const made = element("button", "quiet", text);
    made.type = "button";
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        await call("POST", `/channels/${this.#channel?.id}/${path}`, body);
        await this.#standing();
      } catch (error) {
        say(box("details-state"), words(error instanceof Problem ? error : unforeseen(error)));
        made.disabled = false;
      }
    });
    return made;
  }
}
