/** A plain text as elements: its words, links and citations. */

import type { Source } from "@syntera/client";
import type { ComponentChildren } from "preact";
import { citesOf, parts, safeUrl } from "./text.ts";

/** How a citation of a source is called for those who do not see it. */
export type CiteName = (n: number, title: string) => string;

export interface Words {
  sources: readonly Source[] | undefined;
  cite: CiteName;
  /** The sources are not known yet: every `[n]` is taken to be one. */
  streaming?: boolean | undefined;
}

export function Link({ href, children }: { href: string; children: ComponentChildren }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/** Plain words with their links and citations. */
export function words(text: string, { sources, cite, streaming }: Words, links = true) {
  return parts(text, streaming ? "all" : citesOf(sources), links).map((part) => {
    if (part.kind === "text") return part.text;
    if (part.kind === "link") return <Link href={part.href}>{part.text}</Link>;
    const source = sources?.find((one) => one.n === part.n);
    const url = safeUrl(source?.url, document.baseURI);
    return source && url ? (
      <a
        class="cite"
        href={url}
        target="_blank"
        rel="noopener"
        aria-label={cite(part.n, source.title)}
      >
        {part.n}
      </a>
    ) : (
      <span class="cite">{part.n}</span>
    );
  });
}
