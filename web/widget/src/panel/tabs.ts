/**
 * Keeps the tabs of one visitor in step: the conversation that is open, its draft, and how far it was
 * read. A tab that hears nothing goes on by itself.
 */

export type Word =
  | { is: "open"; channel: string }
  | { is: "draft"; channel: string; text: string }
  | { is: "read"; channel: string; seq: number };

export class Tabs {
  readonly #channel: BroadcastChannel | undefined;

  constructor(name: string, heard: (word: Word) => void) {
    try {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = ({ data }) => heard(data as Word);
    } catch {
      // A page without an origin has no other tabs.
    }
  }

  tell(word: Word): void {
    this.#channel?.postMessage(word);
  }

  stop(): void {
    this.#channel?.close();
  }
}
