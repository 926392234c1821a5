/** Where people write: replies and notes, with files; kept on the server until it is sent. */

import type { Attachment, Channel } from "../../client/src/index.ts";
import { call } from "../account/api.ts";
import { say, unforeseen } from "../account/forms.ts";
import { box, form, part } from "../account/page.ts";
import { type Document, Problem, words } from "../account/problem.ts";
import { element } from "../element.ts";

/** A draft is kept once nothing was typed for so long. */
const KEEP_MS = 800;
const TYPING_MS = 3_000;

interface Draft {
  text: string;
  kind: "message" | "note";
}

export class Composer {
  #channel: Channel | undefined;
  #files: Attachment[] = [];
  #keep: ReturnType<typeof setTimeout> | undefined;
  #typed = 0;
  readonly #text = part("text", HTMLTextAreaElement);
  readonly #form = form("composer");

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#form.requestSubmit();
    });
    this.#text.addEventListener("input", () => this.#input());
    const file = part("file", HTMLInputElement);
    file.addEventListener("change", () => {
      for (const one of file.files ?? []) void this.#upload(one);
      file.value = "";
    });
  }

  /** Writes into another conversation. What was typed in the last one is kept there. */
  open(channel: Channel): void {
    this.#channel = channel;
    this.#files = [];
    this.#drawFiles();
    this.#text.value = "";
    say(box("composer-state"), "");
    void this.#restore(channel);
  }

  /** Whether somebody may write here; where it has ended, only notes. */
  may(write: boolean, closed: boolean): void {
    this.#form.hidden = !write;
    const [reply, note] = this.#form.querySelectorAll<HTMLInputElement>("[name=kind]");
    if (!reply || !note) return;
    reply.disabled = closed;
    if (closed) note.checked = true;
  }

  get #kind(): "message" | "note" {
    const data = new FormData(this.#form);
    return data.get("kind") === "note" ? "note" : "message";
  }

  #send(): void {
    const text = this.#text.value.trim();
    if (!this.#channel || (text === "" && this.#files.length === 0)) return;
    this.#channel.send(text, {
      ...(this.#kind === "note" ? { kind: "note" as const } : {}),
      attachments: this.#files,
    });
    this.#files = [];
    this.#drawFiles();
    this.#text.value = "";
    this.#channel.typing(false);
    this.#keepNow();
  }

  #input(): void {
    const now = Date.now();
    // A note is nobody's business.
    if (this.#kind === "message" && now - this.#typed > TYPING_MS) {
      this.#typed = now;
      this.#channel?.typing(true);
    }
    clearTimeout(this.#keep);
    this.#keep = setTimeout(() => this.#keepNow(), KEEP_MS);
  }

  #keepNow(): void {
    clearTimeout(this.#keep);
    const channel = this.#channel?.id;
    if (!channel) return;
    const text = this.#text.value;
    const path = `/channels/${channel}/draft`;
    const kept = text === "" ? call("DELETE", path) : this.#put(path, { text, kind: this.#kind });
    kept.catch(() => say(box("composer-state"), "What you type cannot be kept right now."));
  }

  async #put(path: string, draft: Draft): Promise<void> {
    await call("PUT", path, draft);
  }

  async #restore(channel: Channel): Promise<void> {
    const draft = await call<Draft>("GET", `/channels/${channel.id}/draft`).catch(() => undefined);
    if (!draft || channel !== this.#channel || this.#text.value !== "") return;
    this.#text.value = draft.text;
    const choice = this.#form.querySelector<HTMLInputElement>(`[name=kind][value=${draft.kind}]`);
    if (choice) choice.checked = true;
  }

  async #upload(file: File): Promise<void> {
    const channel = this.#channel;
    if (!channel) return;
    const state = box("composer-state");
    say(state, `${file.name} is being sent…`);
    const query = new URLSearchParams({ name: file.name, client_id: crypto.randomUUID() });
    try {
      const response = await fetch(`/api/v1/channels/${channel.id}/attachments?${query}`, {
        method: "POST",
        headers: { "content-type": file.type || "application/octet-stream" },
        body: file,
      });
      const answer: unknown = await response.json();
      if (!response.ok) throw new Problem(answer as Document);
      if (channel !== this.#channel) return;
      this.#files.push(answer as Attachment);
      this.#drawFiles();
      say(state, "");
    } catch (error) {
      say(state, words(error instanceof Problem ? error : unforeseen(error)));
    }
  }

  #drawFiles(): void {
    const rows = this.#files.map((file) => {
      const remove = element("button", "quiet", "Remove");
      remove.type = "button";
      remove.ariaLabel = `Remove ${file.name}`;
      remove.addEventListener("click", () => {
        this.#files = this.#files.filter((one) => one !== file);
        this.#drawFiles();
      });
      return element("li", "", `${file.name} `, remove);
    });
    box("files").replaceChildren(...rows);
  }
}
