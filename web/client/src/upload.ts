/**
 * Uploads a file into a channel and tells how far it is, which only XMLHttpRequest can in browsers.
 * Under the same `client_id` a second try is the same file.
 */

import { type Attachment, readAttachment } from "./entries.ts";
import { problemOf } from "./rest.ts";

export interface Upload {
  channel: string;
  clientId: string;
  name: string;
  file: Blob;
  /** From 0 to 1. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
}

/** An upload of which nothing more was taken for so long is given up. */
const SILENCE_MS = 30_000;

/** `base` ends in `/api/v1`. Ends in a `Problem`, or a `TypeError` when the network is lost. */
export function upload(base: string, token: string, what: Upload): Promise<Attachment> {
  const search = new URLSearchParams({ name: what.name, client_id: what.clientId });
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let silence: ReturnType<typeof setTimeout>;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => request.abort(), SILENCE_MS);
    };
    const fail = (): void => reject(new TypeError("the upload was cut off"));
    request.open("POST", `${base}/channels/${what.channel}/attachments?${search}`);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("content-type", what.file.type || "application/octet-stream");
    request.upload.onprogress = (event) => {
      heard();
      if (event.lengthComputable) what.onProgress?.(event.loaded / event.total);
    };
    request.onerror = fail;
    request.onabort = fail;
    request.onloadend = () => clearTimeout(silence);
    request.onload = () => {
      let answer: unknown;
      try {
        answer = JSON.parse(request.responseText);
        if (request.status < 300) {
          resolve(readAttachment(answer));
          return;
        }
      } catch (error) {
        if (request.status < 300) {
          reject(error);
          return;
        }
      }
      reject(
        problemOf(request.status, request.statusText, answer, (name) =>
          request.getResponseHeader(name),
        ),
      );
    };
    what.signal?.addEventListener("abort", () => request.abort());
    heard();
    request.send(what.file);
  });
}
