/** Files: uploaded with the next message, and shown or given for download in those that have some. */

import { type Attachment, Problem, upload } from "@syntera/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { newId } from "../panel/browser.ts";
import { CLOSE, Icon, PAGE, RETRY } from "../panel/icons.tsx";
import type { Look } from "../panel/messages.tsx";
import type { Files } from "../panel/parts.ts";
import type { Session } from "../panel/session.ts";
import type { Pending } from "../panel/unsent.ts";
import { files as english } from "../strings/en.ts";
import { count } from "../strings/plural.ts";
import css from "./files.css";
import { hand } from "./part.ts";

/** Files of one message. */
const MOST = 10;

const stringsOf = (look: Look) => look.locale.loaded?.files ?? english;

function start(session: Session, file: File): Pending {
  const { channel } = session;
  let stopped = new AbortController();
  const pending: Pending = {
    clientId: newId(),
    name: file.name || "file",
    share: 0,
    stop: () => stopped.abort(),
    retry: () => void run(),
  };
  const run = async (): Promise<void> => {
    if (!channel) return;
    stopped = new AbortController();
    delete pending.error;
    pending.share = 0;
    session.changed();
    try {
      const { token } = await session.caller();
      pending.attachment = await upload(session.rest.base, token, {
        channel: channel.id,
        clientId: pending.clientId,
        name: pending.name,
        file,
        signal: stopped.signal,
        onProgress(share) {
          pending.share = share;
          session.changed();
        },
      });
    } catch (error) {
      pending.error = error instanceof Problem ? error.code : "unreachable";
    }
    session.changed();
  };
  void run();
  return pending;
}

const add: Files["add"] = (session, files) => {
  const room = Math.max(0, MOST - session.uploads.length);
  session.uploads = [
    ...session.uploads,
    ...files.slice(0, room).map((file) => start(session, file)),
    ...files.slice(room).map((file) => ({
      clientId: newId(),
      name: file.name,
      share: 0,
      error: "too_many",
      stop: () => {},
      retry: () => {},
    })),
  ];
  session.changed();
};

const Waiting: Files["Waiting"] = ({ look }) => {
  const t = stringsOf(look);
  const { session } = look;
  const why = (error: string): string => {
    if (error === "payload_too_large") return t.tooLarge;
    if (error === "too_many") return count(look.locale.tag, t.tooMany, MOST);
    return error === "unsupported_media_type" ? t.notTaken : t.failed;
  };
  return (
    <ul class="waiting-files" aria-label={t.attached}>
      {session.uploads.map((one) => {
        const percent = Math.round(one.share * 100);
        return (
          <li key={one.clientId} class={one.error ? "bad" : ""}>
            <Icon d={PAGE} />
            <span class="about">
              <span class="title" dir="auto">
                {one.name}
              </span>
              {one.error ? (
                <span class="wrong" role="alert">
                  {why(one.error)}
                </span>
              ) : (
                !one.attachment && (
                  <progress max={100} value={percent} aria-label={t.uploading(one.name, percent)} />
                )
              )}
            </span>
            {one.error && one.error !== "too_many" && (
              <button type="button" aria-label={t.retry(one.name)} onClick={one.retry}>
                <Icon d={RETRY} />
              </button>
            )}
            <button
              type="button"
              aria-label={t.remove(one.name)}
              onClick={() => {
                one.stop();
                session.uploads = session.uploads.filter((other) => other !== one);
                session.changed();
                look.focusField();
              }}
            >
              <Icon d={CLOSE} />
            </button>
          </li>
        );
      })}
    </ul>
  );
};

/** The bytes at a path, which the token opens: an element of the page could not send it. */
async function fetched(session: Session, path: string): Promise<Blob> {
  const { rest, token } = await session.caller();
  const response = await fetch(rest.base + path, {
    headers: { authorization: `Bearer ${token}` },
    credentials: "omit",
  });
  if (!response.ok) throw new Error(String(response.status));
  return response.blob();
}

const UNITS = ["byte", "kilobyte", "megabyte"] as const;

function sizeOf(bytes: number, tag: string): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(tag, {
    style: "unit",
    unit: UNITS[unit] ?? "byte",
    unitDisplay: "short",
    maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0,
  }).format(size);
}

/** Gives a file to be saved: its bytes are never opened as a page of this site. */
async function save(session: Session, { id, name }: Attachment): Promise<void> {
  const blob = await fetched(session, `/attachments/${id}`);
  const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Drawn on a canvas: an image element would need the page's policy to allow `blob:`. */
function Picture({ file, look, onOpen }: { file: Attachment; look: Look; onOpen: () => void }) {
  const t = stringsOf(look);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<"loading" | "here" | "gone">("loading");
  useEffect(() => {
    let over = false;
    fetched(look.session, `/attachments/${file.id}/thumbnail`)
      .then((blob) => createImageBitmap(blob))
      .then(
        (bitmap) => {
          const place = canvas.current;
          if (over || !place) return;
          place.width = bitmap.width;
          place.height = bitmap.height;
          place.getContext("2d")?.drawImage(bitmap, 0, 0);
          bitmap.close();
          setState("here");
        },
        () => {
          if (!over) setState("gone");
        },
      );
    return () => {
      over = true;
    };
  }, [file.id]);
  return (
    <button type="button" class="picture" aria-label={t.download(file.name)} onClick={onOpen}>
      <canvas
        ref={canvas}
        width={file.width ?? 4}
        height={file.height ?? 3}
        hidden={state === "gone"}
      />
      {state === "loading" && <span class="spinner" />}
      {state === "gone" && <span class="blank">{file.name}</span>}
    </button>
  );
}

const Attached: Files["Attached"] = ({ look, attachments }) => {
  const t = stringsOf(look);
  const [failed, setFailed] = useState<string | undefined>();
  const open = (file: Attachment): void => {
    setFailed(undefined);
    save(look.session, file).catch(() => setFailed(file.id));
  };
  return (
    <ul class="files">
      {attachments.map((file) => (
        <li key={file.id}>
          {file.thumbnail ? (
            <Picture file={file} look={look} onOpen={() => open(file)} />
          ) : (
            <button
              type="button"
              class="file"
              aria-label={t.download(file.name)}
              onClick={() => open(file)}
            >
              <Icon d={PAGE} />
              <span class="about">
                <span class="title" dir="auto">
                  {file.name}
                </span>
                <span class="size">{sizeOf(file.size, look.locale.tag)}</span>
              </span>
            </button>
          )}
          {failed === file.id && (
            <p class="wrong" role="alert">
              {t.gone}
            </p>
          )}
        </li>
      ))}
    </ul>
  );
};

const part: Files = { add, Waiting, Attached };
hand(part, css);
