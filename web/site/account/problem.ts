/** What the API answers when it refuses something (RFC 9457), and how people are told of it. */

export interface FieldError {
  /** Where in the body, as a JSON pointer (RFC 6901). */
  pointer?: string;
  /** What is wrong there, as the rest of a sentence that begins with the field's name. */
  detail: string;
}

export interface Document {
  code: string;
  title: string;
  detail?: string;
  errors?: FieldError[];
  /** With the code `second_factor_required`: what the code is sent with. */
  mfa_token?: string;
}

export class Problem extends Error {
  override readonly name = "Problem";

  /** `retryAfter` is in seconds. */
  constructor(
    readonly document: Document,
    readonly retryAfter?: number,
  ) {
    super(document.title);
  }

  get code(): string {
    return this.document.code;
  }
}

/** Codes that mean: nobody is signed in here, or no longer. */
const SIGNED_OUT = new Set([
  "unauthenticated",
  "token_expired",
  "session_revoked",
  "refresh_token_reused",
]);

export function isSignedOut(error: unknown): boolean {
  return error instanceof Problem && SIGNED_OUT.has(error.code);
}

const OURS = "Something does not work on our side right now. Try again in a moment.";

/** Codes whose details are for programs. */
const WORDS: Record<string, string> = {
  bad_gateway: OURS,
  gateway_timeout: OURS,
  internal: OURS,
  overloaded: OURS,
  unavailable: OURS,
  email_not_verified:
    "Verify your e-mail address first: open the link in the mail that we sent you.",
  second_factor_setup_required:
    "This workspace wants a second factor. Set one up on the page of your account, or sign in again with yours.",
  link_expired: "This link is no longer good: it was used already, or it is too old.",
  validation_failed: "Something that was sent is not right; nothing was saved.",
};

/** A problem as a sentence or two. */
export function words({ document, retryAfter }: Problem): string {
  if (document.code === "rate_limited") {
    return `Too many tries. Try again ${retryAfter ? `in ${duration(retryAfter)}` : "later"}.`;
  }
  return WORDS[document.code] ?? sentence(document.detail ?? document.title);
}

/** A detail as it comes, lower case and without a final stop, as a sentence. */
export function sentence(detail: string): string {
  const begun = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function duration(seconds: number): string {
  if (seconds < 60) return seconds === 1 ? "a second" : `${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}

/** The errors of a problem by the field that they belong to, and those that have no field here. */
export function sorted(
  problem: Problem,
  names: ReadonlySet<string>,
  aliases: Record<string, string> = {},
): { fields: Map<string, string>; rest: string[] } {
  const fields = new Map<string, string>();
  const rest: string[] = [];
  for (const { pointer, detail } of problem.document.errors ?? []) {
    // What is wrong within a list belongs to the field of the list.
    const first = pointer?.split("/")[1] ?? "";
    const name = aliases[first] ?? first;
    if (names.has(name)) {
      if (!fields.has(name)) fields.set(name, detail);
    } else {
      rest.push(detail);
    }
  }
  return { fields, rest };
}
