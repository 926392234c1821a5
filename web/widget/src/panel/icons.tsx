/** The few drawings of the panel: strokes in the text's colour, hidden from screen readers. */

export const CLOSE = "M6 6l12 12M18 6L6 18";
export const SEND = "M12 19V5M6 11l6-6 6 6";
export const PERSON = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0";
export const SPARK =
  "M12 3l1.9 5.6a3 3 0 0 0 1.5 1.5L21 12l-5.6 1.9a3 3 0 0 0-1.5 1.5L12 21l-1.9-5.6a3 3 0 0 0-1.5-1.5L3 12l5.6-1.9a3 3 0 0 0 1.5-1.5z";
export const OUT = "M9 6h9v9M18 6L7 17";
export const DOWN = "M12 5v14M6 13l6 6 6-6";
export const ALERT = "M12 8v5M12 16.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z";
export const LIST = "M5 7h14M5 12h14M5 17h9";
export const BACK = "M19 12H5M11 6l-6 6 6 6";
export const DOTS = "M6 12v.01M12 12v.01M18 12v.01";
export const CLIP =
  "M20 11.5l-8.2 8.2a5 5 0 0 1-7-7L13 4.4a3.3 3.3 0 0 1 4.7 4.7l-8.2 8.2a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5";
export const SMILE =
  "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.01M15 9.5v.01";
export const PENCIL = "M4 20l1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19z";
export const BIN = "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5";
export const THUMB =
  "M7 11v9H4v-9zM7 11l4-8a2.5 2.5 0 0 1 2.4 3.1L12.8 9H18a2 2 0 0 1 2 2.3l-1 7a2 2 0 0 1-2 1.7H7";
export const PAGE = "M13 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V9zM13 3v6h6";
export const RETRY = "M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5";

export function Icon({ d, class: name = "" }: { d: string; class?: string }) {
  return (
    <svg
      class={`icon ${name}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={d} />
    </svg>
  );
}
