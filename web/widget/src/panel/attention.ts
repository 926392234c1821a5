/** How many messages nobody has looked at: on the launcher, in the page's title, and by a sound. */

const MARK = /^\(\d+\) /;

export class Attention {
  #unread = 0;

  constructor(private readonly told: (unread: number) => void) {}

  get unread(): number {
    return this.#unread;
  }

  set unread(count: number) {
    if (count === this.#unread) return;
    this.#unread = count;
    // The page may have changed its title since: only the mark is ours.
    const title = document.title.replace(MARK, "");
    document.title = count > 0 ? `(${count}) ${title}` : title;
    this.told(count);
  }
}
