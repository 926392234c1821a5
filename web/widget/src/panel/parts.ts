/** The parts of the panel that are loaded when they are first used, and what each of them gives. */

import type { Attachment, Block, Card, MessageView, QuickReply } from "@syntera/client";
import type { ComponentType } from "preact";
import type { PanelHost } from "../contract.ts";
import type { LoadedStrings } from "../strings/en.ts";
import type { Language } from "../strings/index.ts";
import type { Kit } from "./kit.ts";
import type { Look } from "./messages.tsx";
import type { Session } from "./session.ts";
import type { Words } from "./words.tsx";

interface Shown {
  look: Look;
}

export interface Extras {
  /** The tree of a text. Headings are bold lines: a message is no part of the page's outline. */
  Tree: ComponentType<{ blocks: readonly Block[]; look: Words }>;
  Cards: ComponentType<Shown & { cards: readonly Card[] }>;
  /** The signs on a message; the visitor's own can be taken off, any other set too. */
  Reactions: ComponentType<Shown & { item: MessageView }>;
  /** What can be done with a message of one's own. */
  Acts: ComponentType<Shown & { item: MessageView }>;
  Quick: ComponentType<Shown & { replies: readonly QuickReply[] }>;
  /** Asks whether the conversation is to end. */
  Confirm: ComponentType<Shown & { onDone: () => void }>;
  /** What is left to do in a conversation that has ended. */
  Ended: ComponentType<Shown>;
}

export interface Forms {
  Consent: ComponentType<Shown>;
  /** The form before a conversation, or before a person. */
  Prechat: ComponentType<Shown>;
  /** Where nobody is there: how to reach the visitor. */
  Offline: ComponentType<Shown>;
  Rating: ComponentType<Shown>;
}

export interface Files {
  /** Begins to upload files, to be sent with the next message. */
  add(session: Session, files: readonly File[]): void;
  /** The files that wait in the composer. */
  Waiting: ComponentType<Shown>;
  /** The files of a message. */
  Attached: ComponentType<Shown & { attachments: readonly Attachment[] }>;
}

export interface Emoji {
  Picker: ComponentType<Shown & { onPick: (emoji: string) => void; onClose: () => void }>;
}

export interface Menu {
  Conversations: ComponentType<Shown>;
  /** A short sound. */
  chime(): void;
}

export interface Parts extends Record<Language, LoadedStrings> {
  extras: Extras;
  forms: Forms;
  files: Files;
  emoji: Emoji;
  menu: Menu;
}

/** The files of the parts, with the hashes of their content in the names; the build fills it in. */
declare const PART_FILES: Record<keyof Parts, string>;

export class PartLoader {
  readonly #loaded = new Map<keyof Parts, unknown>();
  readonly #loading = new Map<keyof Parts, Promise<unknown>>();
  readonly #failed = new Set<keyof Parts>();

  constructor(
    private readonly host: PanelHost,
    private readonly kit: Kit,
    private readonly changed: () => void,
  ) {}

  /** The part if it is here; else it is on its way, unless it failed before. */
  get<K extends keyof Parts>(name: K): Parts[K] | undefined {
    if (!this.#failed.has(name)) void this.load(name).catch(() => {});
    return this.#loaded.get(name) as Parts[K] | undefined;
  }

  failed(name: keyof Parts): boolean {
    return this.#failed.has(name);
  }

  load<K extends keyof Parts>(name: K): Promise<Parts[K]> {
    let loading = this.#loading.get(name) as Promise<Parts[K]> | undefined;
    if (!loading) {
      this.#failed.delete(name);
      loading = this.host.load<Parts[K]>(PART_FILES[name], this.kit);
      this.#loading.set(name, loading);
      loading
        .then((part) => {
          const { css } = part as { css?: string };
          if (css) {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(css);
            const { root } = this.host;
            root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
          }
          this.#loaded.set(name, part);
        })
        .catch(() => {
          this.#failed.add(name);
          this.#loading.delete(name);
        })
        .finally(this.changed);
    }
    return loading;
  }
}
