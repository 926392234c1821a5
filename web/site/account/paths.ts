/** Addresses of our own pages. */

export const SIGN_IN = "/account/sign-in";
export const HOME = "/account/security";

/** The page to sign in on, which leads back to `path`. */
export function signInPath(path: string): string {
  return `${SIGN_IN}?${new URLSearchParams({ return_to: path })}`;
}

/** To where people sign in, and back here afterwards. */
export function leave(): void {
  location.replace(signInPath(location.pathname));
}

/** Where a query says to go once signed in. Somebody else may have made the link: only our pages count. */
export function returnPath(search: string, origin: string): string {
  const wanted = new URLSearchParams(search).get("return_to");
  if (!wanted?.startsWith("/")) return HOME;
  try {
    const url = new URL(wanted, origin);
    // Browsers read `//other.example` and `/\other.example` as another host.
    return url.origin === origin ? url.pathname + url.search + url.hash : HOME;
  } catch {
    return HOME;
  }
}
