/** A place for what a later part draws. */

import type { ComponentChildren } from "preact";
import { ALERT, Icon } from "./icons.tsx";
import type { Look } from "./messages.tsx";
import type { Parts } from "./parts.ts";

/** Draws with the part once it is here; until then that it is coming, or did not come. */
export function Lazy<K extends keyof Parts>({
  look: { session, locale },
  part,
  draw,
  meanwhile,
}: {
  look: Look;
  part: K;
  draw: (part: Parts[K]) => ComponentChildren;
  /** What stands there without the part. */
  meanwhile?: ComponentChildren;
}) {
  const loaded = session.parts.get(part);
  if (loaded) return <>{draw(loaded)}</>;
  if (!session.parts.failed(part)) return <>{meanwhile ?? <span class="spinner" />}</>;
  return (
    <p class="trouble-note" role="alert">
      <Icon d={ALERT} />
      {locale.strings.actionFailed}
      <button
        type="button"
        class="link"
        onClick={() => void session.parts.load(part).catch(() => {})}
      >
        {locale.strings.tryAgain}
      </button>
    </p>
  );
}
