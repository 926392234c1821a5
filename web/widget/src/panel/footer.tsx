/** The foot of the panel: who has the word, the way to a person, the end, and what stands below. */

import type { QueuePlace } from "@syntera/client";
import { useEffect, useRef } from "preact/hooks";
import { count } from "../strings/plural.ts";
import { Composer, type Field } from "./composer.tsx";
import { ALERT, Icon, PERSON } from "./icons.tsx";
import { Lazy } from "./lazy.tsx";
import { type Look, nameOf } from "./messages.tsx";

/** Where the visitor stands, as far as it is known. */
function place(queue: QueuePlace | undefined, look: Look): string {
  const t = look.locale.strings;
  const { position, expected_wait_seconds: wait } = queue ?? {};
  return [
    position === undefined ? "" : position === 1 ? t.next : t.position(position),
    wait === undefined ? "" : count(look.locale.tag, t.wait, Math.max(1, Math.round(wait / 60))),
  ]
    .filter(Boolean)
    .join(" · ");
}

function Bar({ look, onEnd }: { look: Look; onEnd: () => void }) {
  const { session, locale } = look;
  const t = locale.strings;
  const { channel } = session;
  const owner = channel?.owner;
  const person = channel?.entries.findLast(
    (entry) => entry.kind !== "other" && entry.sender.kind === "user",
  );
  const off = session.phase !== "live" || session.busy !== undefined;
  const where = place(channel?.queue, look);
  return (
    <div class="bar">
      {owner === "queued" ? (
        <p class="standing" role="status">
          <span class="pulse" />
          <span>
            {t.waiting}
            {where && <span class="where">{where}</span>}
          </span>
        </p>
      ) : owner === "human" ? (
        <p class="standing">
          <span class="here" />
          {t.personHere(
            person && person.kind !== "other" ? nameOf(person.sender, look) : t.personFallback,
          )}
        </p>
      ) : (
        <button type="button" class="pill" disabled={off} onClick={look.askPerson}>
          <Icon d={PERSON} />
          {t.talkToPerson}
        </button>
      )}
      <button type="button" class="quiet" aria-label={t.end} disabled={off} onClick={onEnd}>
        {t.endShort}
      </button>
    </div>
  );
}

export function Footer({
  look,
  field,
  confirming,
  setConfirming,
}: {
  look: Look;
  field: Field;
  confirming: boolean;
  setConfirming: (confirming: boolean) => void;
}) {
  const { session, locale } = look;
  const t = locale.strings;
  const closed = session.channel?.owner === "closed";
  const { gate } = session;
  const wasClosed = useRef(closed);
  // The field goes away with the end: whoever was in it is led on, nobody else is moved.
  const led = closed && !wasClosed.current && look.within();
  useEffect(() => {
    if (led || (!closed && wasClosed.current)) look.focusField();
    wasClosed.current = closed;
  }, [closed]);
  const done = (): void => {
    setConfirming(false);
    look.focusField();
  };
  return (
    <div class="foot">
      {session.trouble && (
        <p class="trouble-note" role="alert">
          <Icon d={ALERT} />
          {session.trouble === "end" ? t.endFailed : t.actionFailed}
        </p>
      )}
      {closed ? (
        <Lazy look={look} part="extras" draw={({ Ended }) => <Ended look={look} />} />
      ) : (
        <>
          {confirming ? (
            <Lazy
              look={look}
              part="extras"
              draw={({ Confirm }) => <Confirm look={look} onDone={done} />}
              meanwhile={<Bar look={look} onEnd={() => {}} />}
            />
          ) : (
            <Bar look={look} onEnd={() => setConfirming(true)} />
          )}
          {gate ? (
            <Lazy
              look={look}
              part="forms"
              draw={({ Consent, Prechat, Offline }) =>
                gate === "consent" ? (
                  <Consent look={look} />
                ) : gate === "offline" ? (
                  <Offline look={look} />
                ) : (
                  <Prechat look={look} />
                )
              }
            />
          ) : (
            <Composer look={look} field={field} />
          )}
        </>
      )}
    </div>
  );
}
