/** What people arrange about a conversation: who takes care of it, how much it presses, labels, sleep. */

import type { Owner, Priority } from "../../client/src/index.ts";
import { call } from "../account/api.ts";
import { onSubmit, say, unforeseen } from "../account/forms.ts";
import { box, form, part } from "../account/page.ts";
import { Problem, words } from "../account/problem.ts";
import type { Session } from "./session.ts";

/** A channel as `GET /channels/:id` gives it, as far as this page reads it. */
export interface Channel {
  id: string;
  owner: Owner;
  assignee_id: string | null;
  team_id: string | null;
  labels: string[];
  priority: Priority;
  snoozed_until: string | null;
  rating: number | null;
  merged_into: string | null;
}

const PRIORITIES: Priority[] = ["low", "normal", "high", "urgent"];

/** Hours to sleep. */
const SLEEPS: [string, string][] = [
  ["", "Awake"],
  ["1", "For an hour"],
  ["4", "For four hours"],
  ["24", "For a day"],
  ["168", "For a week"],
];

export class Details {
  #channel: Channel | undefined;

  constructor(session: Session) {
    const choices = {
      assignee: [["", "Nobody"], ...session.names] as [string, string][],
      team: [["", "None"], ...session.teams.map(({ id, name }) => [id, name])] as [
        string,
        string,
      ][],
      priority: PRIORITIES.map((one): [string, string] => [one, one]),
      snooze: SLEEPS,
    };
    for (const [id, options] of Object.entries(choices)) {
      const select = part(id, HTMLSelectElement);
      select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
      select.disabled = !session.mayWrite;
    }
    const bind = (id: string, change: (value: string) => Partial<Channel>): void =>
      part(id, HTMLSelectElement).addEventListener("change", () =>
        this.#patch(change(part(id, HTMLSelectElement).value)),
      );
    bind("assignee", (value) => ({ assignee_id: value || null }));
    bind("team", (value) => ({ team_id: value || null }));
    bind("priority", (value) => ({ priority: value as Priority }));
    bind("snooze", (hours) => ({
      snoozed_until: hours ? new Date(Date.now() + Number(hours) * 3_600_000).toISOString() : null,
    }));
    onSubmit(form("labels-form"), async ({ labels }) => {
      const list = (labels ?? "").split(",").map((one) => one.trim());
      await this.#patch({ labels: list.filter(Boolean) });
      return undefined;
    });
  }

  /** Reads how a channel stands, and shows it. */
  async show(id: string): Promise<Channel> {
    const channel = await call<Channel>("GET", `/channels/${id}`);
    this.#draw(channel);
    return channel;
  }

  #draw(channel: Channel): void {
    this.#channel = channel;
    box("details").hidden = false;
    part("assignee", HTMLSelectElement).value = channel.assignee_id ?? "";
    part("team", HTMLSelectElement).value = channel.team_id ?? "";
    part("priority", HTMLSelectElement).value = channel.priority;
    const labels = part("labels", HTMLInputElement);
    if (document.activeElement !== labels) labels.value = channel.labels.join(", ");
    part("snooze", HTMLSelectElement).value = "";
    const until = channel.snoozed_until;
    box("snoozed").textContent = until ? `Asleep until ${new Date(until).toLocaleString()}.` : "";
    box("rating").textContent = channel.rating ? `Rated ${channel.rating} of 5.` : "";
  }

  async #patch(change: Partial<Channel>): Promise<void> {
    const channel = this.#channel;
    if (!channel) return;
    const state = box("details-state");
    try {
      this.#draw(await call<Channel>("PATCH", `/channels/${channel.id}`, change));
      say(state, "Saved.");
    } catch (error) {
      this.#draw(channel);
      say(state, words(error instanceof Problem ? error : unforeseen(error)));
    }
  }
}
