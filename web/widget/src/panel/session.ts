/**
 * The conversation behind the panel: who the visitor is, which channel is theirs, and what happens
 * to it. The views draw what is here and call its methods; they hold nothing of their own that would
 * be missed.
 */

import {
  type Channel,
  Client,
  type Entry,
  type Fault,
  type Network,
  type Outgoing,
  Problem,
  Refused,
  Rest,
  type Status,
  systemTimers,
} from "@syntera/client";
import type { PanelHost } from "../contract.ts";
import { type Unsent, WidgetStorage } from "./storage.ts";
import { Visitor } from "./visitor.ts";

/** `starting`: finding the conversation; `failed`: could not yet, and tries again by itself. */
export type Phase = "starting" | "failed" | "refused" | "live";

export interface Announcement {
  id: number;
  entry: Entry;
}

const RETRY_MS = [2_000, 5_000, 15_000, 30_000];
/** After so long without a word, nobody is said to be writing any more. */
const THINKING_MS = 45_000;
const TYPING_EVERY_MS = 3_000;

const browserNetwork: Network = {
  online: () => navigator.onLine,
  onChange(listener) {
    window.addEventListener("online", listener);
    window.addEventListener("offline", listener);
    return () => {
      window.removeEventListener("online", listener);
      window.removeEventListener("offline", listener);
    };
  },
};

/** `crypto.randomUUID` is there on https and localhost only. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

export class Session {
  phase: Phase = "starting";
  channel: Channel | undefined;
  agentName: string | undefined;
  draft: string;
  busy: "person" | "ending" | "starting" | undefined;
  trouble: "person" | "end" | "start" | undefined;
  /** What came since the panel was opened, for those who listen. */
  announcements: Announcement[] = [];
  readonly #host: PanelHost;
  readonly #storage: WidgetStorage;
  readonly #rest: Rest;
  readonly #visitor: Visitor;
  readonly #client: Client;
  readonly #stops: (() => void)[] = [];
  /** What the page before this one had not sent to its channel. */
  #left: WidgetStorage["unsent"];
  /** Written before the conversation was found, here or on the page before. */
  #early: Unsent[];
  #onChange = (): void => {};
  #attempts = 0;
  /** How often in a row the conversation could not be found. */
  #failures = 0;
  #again: (() => void) | undefined;
  #over = false;
  #visible = false;
  #unread = 0;
  /** Up to here the log was there when it was first read: no news. */
  #oldNews = 0;
  #heardAt = 0;
  #typingAt = 0;
  #typing: (() => void) | undefined;
  #doubt: (() => void) | undefined;

  constructor(host: PanelHost) {
    this.#host = host;
    this.#storage = new WidgetStorage(host.config.key);
    this.draft = this.#storage.draft;
    this.#left = this.#storage.unsent;
    this.#early = this.#storage.early;
    this.#rest = new Rest(host.config.api);
    this.#visitor = new Visitor(this.#rest, host.config.key, this.#storage);
    this.#client = new Client({
      url: `${host.config.api.replace(/^http/, "ws")}/ws/chat`,
      tokens: (fresh) => this.#visitor.token(fresh),
      network: browserNetwork,
      newId,
    });
    this.#client.on("status", (status) => {
      host.emit("status", { status });
      if (status === "refused") this.#fail(new Refused("unauthenticated"));
      this.changed();
    });
    this.#client.on("frame", (frame) => {
      if (frame.type === "subscribed" && this.#oldNews === 0) this.#oldNews = frame.head_seq;
    });
    this.#client.on("error", (error) => {
      // The channel is gone, with its workspace perhaps: find or make another.
      if (error.code === "not_found" && error.channel === this.channel?.id) void this.#find();
      else host.emit("error", { code: error.code });
    });
    this.#client.on("fault", (fault: Fault) => console.error("syntera", fault));
    const wake = (): void => {
      if (document.visibilityState === "visible") this.#client.check();
      this.#markRead();
    };
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("pageshow", wake);
    this.#stops.push(
      () => document.removeEventListener("visibilitychange", wake),
      () => window.removeEventListener("pageshow", wake),
      browserNetwork.onChange(() => {
        if (navigator.onLine && this.phase === "failed") this.retry();
        this.changed();
      }),
    );
    void this.#find();
  }

  get status(): Status {
    if (this.phase === "live" || navigator.onLine) return this.#client.status;
    return "offline";
  }

  /** Our messages that are not in the log yet, oldest first. */
  get outbox(): readonly Outgoing[] {
    if (this.channel) return this.channel.outbox;
    const waiting = [...(this.#left?.items ?? []), ...this.#early];
    return waiting.map((item) => ({ ...item, state: "waiting" }));
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  changed(): void {
    if (!this.#over) this.#onChange();
  }

  /** Whether the agent can be expected to write, though nothing of it is here yet. */
  get thinking(): boolean {
    const channel = this.channel;
    if (channel?.owner !== "ai" || channel.streams.length > 0) return false;
    const last = channel.entries.at(-1);
    return (
      last?.kind === "message" &&
      last.sender.kind === "visitor" &&
      Date.now() - this.#heardAt < THINKING_MS
    );
  }

  /** The panel is in front of somebody, or not. */
  show(visible: boolean): void {
    this.#visible = visible;
    if (visible) {
      this.#setUnread(0);
      this.#client.check();
      this.#markRead();
      if (this.phase === "failed") this.retry();
    } else {
      this.announcements = [];
    }
    this.changed();
  }

  retry(): void {
    if (this.phase === "live") this.#client.retry();
    else void this.#find();
  }

  setDraft(text: string): void {
    this.draft = text;
    this.#storage.draft = text;
    this.#typed(text !== "");
    this.changed();
  }

  send(): void {
    const text = this.draft.trim();
    if (text === "") return;
    this.draft = "";
    this.#storage.draft = "";
    this.#typed(false);
    if (this.channel) {
      this.channel.send(text);
    } else {
      this.#early.push({ clientId: newId(), text, createdAt: Date.now() });
      this.#storage.early = this.#early;
    }
    this.changed();
  }

  /** Takes a message that failed back into the draft. */
  edit(item: Outgoing): void {
    if (this.channel?.discard(item.clientId)) this.#toDraft([item]);
  }

  talkToPerson(): Promise<void> {
    return this.#setOwner("queued", "person");
  }

  end(): Promise<void> {
    return this.#setOwner("closed", "end");
  }

  async startNew(): Promise<void> {
    if (this.busy) return;
    this.busy = "starting";
    this.changed();
    await this.#find();
    this.busy = undefined;
    this.changed();
  }

  destroy(): void {
    this.#over = true;
    this.#visitor.stop();
    this.#again?.();
    this.#typing?.();
    this.#doubt?.();
    for (const stop of this.#stops) stop();
    this.#client.stop();
  }

  async #setOwner(owner: "queued" | "closed", what: "person" | "end"): Promise<void> {
    const channel = this.channel;
    if (!channel || this.busy) return;
    this.busy = what === "person" ? "person" : "ending";
    this.trouble = undefined;
    this.changed();
    try {
      const { token } = await this.#visitor.token();
      await this.#rest.setOwner(channel.id, owner, token);
    } catch (error) {
      // A conflict says that it is so already, or over; the log tells which.
      if (!(error instanceof Problem && error.status === 409)) this.trouble = what;
    }
    this.busy = undefined;
    this.changed();
  }

  /** Finds the visitor's open conversation, or starts one. */
  async #find(): Promise<void> {
    const attempt = ++this.#attempts;
    this.#again?.();
    if (this.phase !== "live") this.phase = "starting";
    this.changed();
    try {
      let token = await this.#visitor.token();
      const started = await this.#rest.start(token.agentId, token.token).catch(async (error) => {
        if (!(error instanceof Problem) || error.status !== 401) throw error;
        token = await this.#visitor.token(true);
        return this.#rest.start(token.agentId, token.token);
      });
      if (this.#over || attempt !== this.#attempts) return;
      this.agentName = started.agent_name;
      this.#follow(started.channel_id);
    } catch (error) {
      if (this.#over || attempt !== this.#attempts) return;
      if (this.#fail(error) === "failed") {
        const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
        this.#failures += 1;
        this.#again = systemTimers.after(wait, () => {
          if (this.phase === "failed" && navigator.onLine) void this.#find();
        });
      }
    }
    this.changed();
  }

  /** Shows that there is no conversation; answers the phase that this is. */
  #fail(error: unknown): Phase {
    const passing = !(error instanceof Refused) && !(error instanceof Problem && !error.passing);
    // A conversation that goes on is not taken from the screen. One that was refused does not go on.
    if (this.phase === "live" && passing) {
      this.trouble = "start";
      return this.phase;
    }
    this.phase = passing ? "failed" : "refused";
    const code = error instanceof Problem ? error.code : passing ? "unreachable" : "refused";
    this.#host.emit("error", { code });
    return this.phase;
  }

  #follow(id: string): void {
    this.phase = "live";
    this.#failures = 0;
    this.trouble = undefined;
    const old = this.channel;
    if (old?.id === id) {
      this.#client.retry();
      return;
    }
    if (old) this.#client.leave(old.id);
    this.#oldNews = 0;
    this.#heardAt = Date.now();
    this.announcements = [];
    const channel = this.#client.open(id);
    this.channel = channel;
    channel.on("change", () => this.changed());
    channel.on("outbox", () => this.#keep());
    channel.on("entry", (entry) => this.#entry(entry));
    const left = this.#left?.items ?? [];
    const mine = this.#left?.channel === id;
    // What was meant for another conversation goes back to where it can be sent from.
    this.#toDraft([
      ...(mine ? [] : left),
      ...(old?.outbox ?? []).filter((item) => item.state !== "acked"),
    ]);
    channel.restore([...(mine ? left : []), ...this.#early]);
    this.#keep();
    this.#left = undefined;
    this.#early = [];
    this.#storage.early = [];
    this.#client.start();
  }

  /** Puts unsent messages before what is being written. */
  #toDraft(items: readonly Unsent[]): void {
    if (items.length === 0) return;
    const texts = [...items.map((item) => item.text), this.draft];
    this.setDraft(texts.filter((text) => text !== "").join("\n\n"));
  }

  #entry(entry: Entry): void {
    this.#heardAt = Date.now();
    this.#doubt?.();
    this.#doubt = systemTimers.after(THINKING_MS, () => this.changed());
    if (entry.kind === "message") {
      this.#host.emit("message", { seq: entry.seq, from: entry.sender.kind });
    } else if (entry.kind === "state") {
      this.#host.emit("owner", { owner: entry.owner });
      this.trouble = undefined;
    }
    const news = entry.seq > this.#oldNews;
    const theirs = entry.kind === "message" && entry.sender.kind !== "visitor";
    if (news && this.#visible && (theirs || entry.kind === "state")) {
      this.announcements = [...this.announcements.slice(-3), { id: entry.seq, entry }];
    }
    if (news && theirs && !this.#visible) this.#setUnread(this.#unread + 1);
    this.#markRead();
  }

  #setUnread(count: number): void {
    this.#unread = count;
    this.#host.onUnread(count);
  }

  #markRead(): void {
    const seq = this.channel?.log.highest ?? 0;
    if (this.#visible && seq > 0 && document.visibilityState === "visible") this.channel?.read(seq);
  }

  #keep(): void {
    if (!this.channel) return;
    const { id, outbox } = this.channel;
    const items = outbox.map(({ clientId, text, createdAt }) => ({ clientId, text, createdAt }));
    this.#storage.unsent = { channel: id, items };
  }

  #typed(on: boolean): void {
    const now = Date.now();
    this.#typing?.();
    this.#typing = undefined;
    if (!on) {
      if (this.#typingAt > 0) this.channel?.typing(false);
      this.#typingAt = 0;
      return;
    }
    if (now - this.#typingAt >= TYPING_EVERY_MS) {
      this.#typingAt = now;
      this.channel?.typing(true);
    }
    this.#typing = systemTimers.after(2 * TYPING_EVERY_MS, () => this.#typed(false));
  }
}
