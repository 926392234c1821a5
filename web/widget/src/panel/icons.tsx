/** The few drawings of the panel: strokes in the text's colour, hidden from screen readers. */

const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0",
  spark:
    "M12 3l1.9 5.6a3 3 0 0 0 1.5 1.5L21 12l-5.6 1.9a3 3 0 0 0-1.5 1.5L12 21l-1.9-5.6a3 3 0 0 0-1.5-1.5L3 12l5.6-1.9a3 3 0 0 0 1.5-1.5z",
  page: "M13 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V9zM13 3v6h6M9 13h6M9 17h4",
  out: "M9 6h9v9M18 6L7 17",
  down: "M12 5v14M6 13l6 6 6-6",
  alert: "M12 8v5M12 16.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
