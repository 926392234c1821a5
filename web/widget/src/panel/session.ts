/**
 * The conversation behind the panel: who the visitor is, which channel is theirs, and what happens
 * to it. The views draw what is here and call its methods; they hold nothing of their own that would
 * be missed.
 */

import {
  type Attachment,
  type Caller,
  type Channel,
  Client,
  type Entry,
  editMessage,
  type Fault,
  type Introduction,
  type Outgoing,
  Problem,
  queuePlace,
  Refused,
  Rest,
  type Started,
  type Status,
  systemTimers,
} from "@syntera/client";
import type { Attributes, PanelHost } from "../contract.ts";
import { About, type Gate } from "./about.ts";
import { Attention } from "./attention.ts";
import { browserNetwork, newId } from "./browser.ts";
import { Finding, type Phase } from "./finding.ts";
import { kit } from "./kit.ts";
import { PartLoader } from "./parts.ts";
import { type Unsent, WidgetStorage } from "./storage.ts";
import { Tabs } from "./tabs.ts";
import { Typing } from "./typing.ts";
import { Leftovers, type Pending } from "./unsent.ts";
import { Visitor } from "./visitor.ts";

export interface Announcement {
  id: number;
  entry: Entry;
}

/** After so long without a word, nobody is said to be writing any more. */
const THINKING_MS = 45_000;

export class Session {
  page: "chat" | "menu" = "chat";
  channel: Channel | undefined;
  agentName: string | undefined;
  draft: string;
  /** The message that is being edited in place of a draft. */
  editing: number | undefined;
  /** The message whose options are shown. */
  acting: number | undefined;
  uploads: Pending[] = [];
  busy: "person" | "ending" | "starting" | undefined;
  trouble: "person" | "end" | "start" | undefined;
  /** What came since the panel was opened, for those who listen. */
  announcements: Announcement[] = [];
  readonly storage: WidgetStorage;
  readonly rest: Rest;
  readonly parts: PartLoader;
  readonly about: About;
  readonly #host: PanelHost;
  readonly #visitor: Visitor;
  readonly #client: Client;
  readonly #tabs: Tabs;
  readonly #typing = new Typing((on) => this.channel?.typing(on));
  readonly #attention: Attention;
  readonly #finding: Finding;
  readonly #stops: (() => void)[] = [];
  readonly #leftovers: Leftovers;
  #onChange = (): void => {};
  #over = false;
  #visible = false;
  /** Up to here the log was there when it was first read: no news. */
  #oldNews = 0;
  #heardAt = 0;
  #doubt: (() => void) | undefined;

  constructor(host: PanelHost, unread: (count: number) => string) {
    this.#host = host;
    const { key, api } = host.config;
    this.storage = new WidgetStorage(key);
    this.draft = this.storage.draft("");
    this.#leftovers = new Leftovers(this.storage);
    this.parts = new PartLoader(host, kit, () => this.changed());
    this.#attention = new Attention((count) => {
      host.onUnread(count, unread(count));
      host.emit("unread", { count });
    });
    this.#tabs = new Tabs(this.storage.tabsName, (word) => {
      if (word.is === "open") {
        if (this.phase === "live") this.#follow(word.channel);
      } else if (word.channel === (this.channel?.id ?? "")) {
        if (word.is === "draft" && this.editing === undefined) this.draft = word.text;
        else if (word.is === "read") this.#attention.unread = 0;
        this.changed();
      }
    });
    this.rest = new Rest(api);
    this.#visitor = new Visitor(this.rest, key, this.storage);
    this.about = new About(
      this.storage,
      () => this.caller(),
      () => this.changed(),
    );
    this.#client = new Client({
      url: `${api.replace(/^http/, "ws")}/ws/chat`,
      tokens: (fresh) => this.#visitor.token(fresh),
      network: browserNetwork,
      newId,
    });
    this.#client.on("status", (status) => {
      host.emit("status", { status });
      if (status === "refused") this.#finding.fail(new Refused("unauthenticated"));
      this.changed();
    });
    this.#client.on("frame", (frame) => {
      if (frame.type !== "subscribed") return;
      if (this.#oldNews === 0) this.#oldNews = frame.head_seq;
      if (frame.owner === "queued") void this.#place();
    });
    this.#client.on("error", (error) => {
      // The channel is gone, with its workspace perhaps: find or make another.
      if (error.code === "not_found" && error.channel === this.channel?.id)
        void this.#finding.find();
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
    this.#finding = new Finding({
      ask: () => this.#start(),
      found: ({ agent_name, channel_id }) => {
        this.agentName = agent_name;
        this.#follow(channel_id);
      },
      trouble: () => {
        this.trouble = "start";
      },
      failed: (code) => host.emit("error", { code }),
      changed: () => this.changed(),
    });
    void this.#finding.find();
  }

  get phase(): Phase {
    return this.#finding.phase;
  }

  get status(): Status {
    if (this.phase === "live" || navigator.onLine) return this.#client.status;
    return "offline";
  }

  /** Our messages that are not in the log yet, oldest first. */
  get outbox(): readonly Outgoing[] {
    return this.channel?.outbox ?? this.#leftovers.waiting;
  }

  get gate(): Gate {
    return this.about.gate(this.channel);
  }

  get canSend(): boolean {
    if (this.uploads.some((one) => !one.attachment && !one.error)) return false;
    return this.draft.trim() !== "" || this.uploads.some((one) => one.attachment);
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
    const last = channel.entries.findLast((one) => one.kind === "message" || one.kind === "state");
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
      this.#client.check();
      this.#markRead();
      if (this.phase === "failed") this.retry();
    } else {
      this.announcements = [];
    }
    this.changed();
  }

  turnTo(page: "chat" | "menu"): void {
    this.page = page;
    this.changed();
  }

  retry(): void {
    if (this.phase === "live") this.#client.retry();
    else void this.#finding.find();
  }

  setDraft(text: string): void {
    this.draft = text;
    if (this.editing === undefined) {
      const channel = this.channel?.id ?? "";
      this.storage.keepDraft(channel, text);
      this.#tabs.tell({ is: "draft", channel, text });
      this.#typing.typed(text !== "");
    }
    this.changed();
  }

  send(): void {
    if (!this.canSend) return;
    const text = this.draft.trim();
    if (this.editing !== undefined) {
      const seq = this.editing;
      this.edit(undefined);
      void this.act((by, channel) => editMessage(by, channel, seq, text));
      return;
    }
    const attachments = this.uploads.flatMap((one) => one.attachment ?? []);
    this.uploads = [];
    this.setDraft("");
    this.say(text, attachments);
  }

  say(text: string, attachments: Attachment[] = []): void {
    if (this.channel) {
      this.channel.send(text, attachments.length > 0 ? { attachments } : {});
    } else {
      this.#leftovers.add({ clientId: newId(), text, createdAt: Date.now() });
    }
    this.changed();
  }

  /** Shows what can be done with the message `seq`, or no more. */
  choose(seq: number | undefined): void {
    this.acting = seq;
    this.changed();
  }

  /** Begins to edit the message `seq`, or leaves it as it was; what was being written comes back. */
  edit(seq: number | undefined): void {
    this.editing = seq;
    this.acting = undefined;
    const message = this.channel?.view.message(seq ?? 0);
    this.draft = message ? message.body.text : this.storage.draft(this.channel?.id ?? "");
    this.changed();
  }

  /** Takes a message that failed back into the draft. */
  takeBack(item: Outgoing): void {
    if (this.channel?.discard(item.clientId)) this.#toDraft([item]);
  }

  /** Asks the API for something about this conversation, and shows when that fails. */
  async act(run: (by: Caller, channel: string) => Promise<void>): Promise<void> {
    const { channel } = this;
    if (!channel) return;
    this.trouble = undefined;
    try {
      await run(await this.caller(), channel.id);
    } catch {
      this.trouble = "person";
    }
    this.changed();
  }

  async caller(): Promise<Caller> {
    return { rest: this.rest, token: (await this.#visitor.token()).token };
  }

  /** Asks for a person, after the form that the workspace wants before it. */
  talkToPerson(): Promise<void> {
    if (!this.about.asksBeforePerson()) return this.#setOwner("queued", "person");
    this.changed();
    return Promise.resolve();
  }

  /** A form was filled in, or passed over; what waited for it goes on. */
  async formDone(introduction?: Introduction): Promise<void> {
    if (await this.about.formDone(introduction)) await this.#setOwner("queued", "person");
  }

  setAttributes(attributes: Attributes): void {
    this.about.attributes(attributes);
    this.#tellAbout();
  }

  /** Before there is a visitor it waits for one. */
  #tellAbout(): void {
    if (this.phase !== "live") return;
    this.about.tell().catch(() => this.#host.emit("error", { code: "attributes_not_kept" }));
  }

  /** The person is who the company says; their conversation is shown from here. */
  async identify(jwt: string): Promise<void> {
    const before = this.#visitor.id;
    this.#visitor.identity = jwt;
    try {
      await this.#visitor.token(true);
    } catch (error) {
      this.#finding.fail(error);
      this.changed();
      return;
    }
    if (before === this.#visitor.id || this.#over) return;
    this.#client.stop();
    if (this.channel) this.#client.leave(this.channel.id);
    this.channel = undefined;
    this.#finding.phase = "starting";
    void this.#finding.find();
  }

  end(): Promise<void> {
    return this.#setOwner("closed", "end");
  }

  async startNew(): Promise<void> {
    if (this.busy) return;
    this.busy = "starting";
    this.changed();
    await this.#finding.find();
    this.busy = undefined;
    if (this.channel) this.#tabs.tell({ is: "open", channel: this.channel.id });
    this.turnTo("chat");
  }

  /** Shows another conversation of the visitor, in all tabs. */
  goTo(channel: string): void {
    this.#follow(channel);
    this.#tabs.tell({ is: "open", channel });
    this.turnTo("chat");
  }

  destroy(): void {
    this.#over = true;
    this.#visitor.stop();
    this.#finding.stop();
    this.#typing.stop();
    this.#doubt?.();
    for (const one of this.uploads) one.stop();
    for (const stop of this.#stops) stop();
    this.#attention.unread = 0;
    this.#tabs.stop();
    this.#client.stop();
  }

  async #setOwner(owner: "queued" | "closed", what: "person" | "end"): Promise<void> {
    const channel = this.channel;
    if (!channel || this.busy) return;
    this.busy = what === "person" ? "person" : "ending";
    this.trouble = undefined;
    this.changed();
    try {
      const { rest, token } = await this.caller();
      await rest.setOwner(channel.id, owner, token);
    } catch (error) {
      // A conflict says that it is so already, or over; the log tells which.
      if (!(error instanceof Problem && error.status === 409)) this.trouble = what;
    }
    this.busy = undefined;
    this.changed();
  }

  /** The visitor's open conversation, or a new one; and what the workspace wants. */
  async #start(): Promise<Started> {
    let token = await this.#visitor.token();
    const starting = this.rest.start(token.agentId, token.token).catch(async (error) => {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      token = await this.#visitor.token(true);
      return this.rest.start(token.agentId, token.token);
    });
    const [started] = await Promise.all([starting, this.about.load()]);
    return started;
  }

  /** Where the visitor stands, until the socket tells more. */
  async #place(): Promise<void> {
    const { channel } = this;
    if (!channel || channel.queue) return;
    const place = await queuePlace(await this.caller(), channel.id).catch(() => undefined);
    if (place && channel.owner === "queued" && !channel.queue) channel.queue = place;
  }

  #follow(id: string): void {
    this.#finding.live();
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
    this.editing = undefined;
    for (const one of this.uploads.splice(0)) one.stop();
    const channel = this.#client.open(id);
    this.channel = channel;
    channel.on("change", () => this.changed());
    channel.on("outbox", (outbox) => {
      this.#leftovers.keep(channel);
      if (outbox.some((item) => item.error === "consent_required")) void this.about.load();
    });
    channel.on("entry", (entry) => this.#entry(entry));
    // What was written before there was a conversation, or in one that has ended, comes along.
    const written = !old || old.owner === "closed" ? this.draft : "";
    if (written) this.storage.keepDraft(old?.id ?? "", "");
    const known = this.storage.draft(id);
    this.setDraft(
      known && known !== written ? [known, written].filter(Boolean).join("\n\n") : written,
    );
    // What was meant for another conversation goes back to where it can be sent from.
    this.#toDraft([
      ...this.#leftovers.handTo(channel),
      ...(old?.outbox ?? []).filter((item) => item.state !== "acked"),
    ]);
    this.#client.start();
    this.#tellAbout();
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
      if (entry.owner === "queued") void this.#place();
    } else if (entry.kind === "change" && entry.change.what === "merged") {
      this.goTo(entry.change.into);
      return;
    }
    const news = entry.seq > this.#oldNews;
    const theirs = entry.kind === "message" && entry.sender.kind !== "visitor";
    if (news && this.#visible && (theirs || entry.kind === "state")) {
      this.announcements = [...this.announcements.slice(-3), { id: entry.seq, entry }];
    }
    if (news && theirs && !this.#attended) {
      this.#attention.unread += 1;
      if (this.storage.get("sound")) void this.parts.load("menu").then((menu) => menu.chime());
    }
    this.#markRead();
  }

  get #attended(): boolean {
    return this.#visible && document.visibilityState === "visible";
  }

  #markRead(): void {
    const { channel } = this;
    if (!this.#attended) return;
    this.#attention.unread = 0;
    const seq = channel?.log.highest ?? 0;
    if (!channel || seq <= channel.readSeq) return;
    channel.read(seq);
    this.#tabs.tell({ is: "read", channel: channel.id, seq });
  }
}
