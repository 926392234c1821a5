/**
 * What the workspace wants to know of the visitor before they write, and what the visitor and the
 * page have said so far: consent, the forms, the attributes.
 */

import {
  type Caller,
  type Channel,
  consent,
  type Introduction,
  introduce,
  type WidgetSettings,
  widgetSettings,
} from "@syntera/client";
import type { Attributes } from "../contract.ts";
import type { WidgetStorage } from "./storage.ts";

/** What stands where one would write. */
export type Gate = "consent" | "prechat" | "person" | "offline" | undefined;

const MINUTE_MS = 60_000;

export class About {
  settings: WidgetSettings = {};
  #introduction: Introduction = {};
  /** A person is wanted once the form before it is filled in. */
  #asksPerson = false;
  #skipsOffline = false;
  #untold = false;

  constructor(
    private readonly storage: WidgetStorage,
    private readonly caller: () => Promise<Caller>,
    private readonly changed: () => void,
  ) {
    try {
      this.#introduction = JSON.parse(this.storage.get("introduction") ?? "{}");
    } catch {
      // Then it is asked for again.
    }
  }

  /** Whether the visitor said who they are, here or on an earlier page. */
  get introduced(): boolean {
    return this.storage.get("introduction") !== undefined;
  }

  gate(channel: Channel | undefined): Gate {
    const { consent, prechat, offline_form: offline, people_online: online } = this.settings;
    if (consent?.required) {
      const agreed = this.storage.get("consent") === String(consent.version);
      if (consent.needed ?? !agreed) return "consent";
    }
    if (this.#asksPerson) return "person";
    if (prechat?.enabled && prechat.when === "always" && !this.introduced) {
      if (!channel?.entries.some((one) => one.kind === "message")) return "prechat";
    }
    const nobody = (channel?.queue?.people_online ?? online ?? 1) === 0;
    const asks = offline?.enabled && !this.introduced && !this.#skipsOffline;
    return asks && nobody && channel?.owner === "queued" ? "offline" : undefined;
  }

  /** The company's own first words in this language, if it has any. */
  greeting(tag: string): string | undefined {
    const { greetings = [] } = this.settings;
    const wanted = tag.toLowerCase();
    const language = wanted.split("-")[0];
    const of = (locale: string | undefined) =>
      greetings.find((one) => one.locale.toLowerCase() === locale)?.text;
    return of(wanted) ?? of(language);
  }

  /** Whether a message of the visitor may be edited and taken back now. */
  mayChange(createdAt: string): boolean {
    return Date.now() - Date.parse(createdAt) < (this.settings.edit_minutes ?? 15) * MINUTE_MS;
  }

  /** Whether a conversation that ended then may be opened again. */
  mayReopen(endedAt: string): boolean {
    const days = this.settings.reopen_days ?? 7;
    return Date.now() - Date.parse(endedAt) < days * 24 * 60 * MINUTE_MS;
  }

  /** What the workspace wants of its widget; without an answer, nothing special. */
  async load(): Promise<void> {
    try {
      this.settings = await widgetSettings(await this.caller());
    } catch {
      // The server refuses what must not be; then it is asked again.
    }
    this.changed();
  }

  async agree(channel: string | undefined): Promise<void> {
    const { version } = this.settings.consent ?? {};
    if (version === undefined) return;
    await consent(await this.caller(), version, channel);
    this.storage.set("consent", String(version));
    await this.load();
  }

  /** Whether the form must be filled in before a person is asked for; it is shown then. */
  asksBeforePerson(): boolean {
    const { prechat } = this.settings;
    this.#asksPerson = !!prechat?.enabled && prechat.when === "before_person" && !this.introduced;
    return this.#asksPerson;
  }

  /** A form was filled in, or passed over; answers whether a person is to be asked for now. */
  async formDone(introduction?: Introduction): Promise<boolean> {
    if (introduction) {
      this.#add(introduction);
      await this.tell();
      this.storage.set("introduction", JSON.stringify(this.#introduction));
    } else if (!this.#asksPerson) {
      this.#skipsOffline = true;
    }
    const asks = this.#asksPerson;
    this.#asksPerson = false;
    this.changed();
    return asks && introduction !== undefined;
  }

  /** What the page says of the person; it is told with the next `tell`. */
  attributes(attributes: Attributes): void {
    for (const [name, value] of Object.entries(attributes)) {
      const text = String(value);
      if (name === "name" || name === "email" || name === "phone") this.#add({ [name]: text });
      else this.#add({ custom: [{ label: name, value: text }] });
    }
  }

  /** Tells the company all that is known here, if something of it is new. */
  async tell(): Promise<void> {
    if (!this.#untold) return;
    await introduce(await this.caller(), this.#introduction);
    this.#untold = false;
  }

  #add({ custom, ...rest }: Introduction): void {
    this.#untold = true;
    Object.assign(this.#introduction, rest);
    if (!custom) return;
    const others = (this.#introduction.custom ?? []).filter(
      (one) => !custom.some(({ label }) => label === one.label),
    );
    this.#introduction.custom = [...others, ...custom];
  }
}
