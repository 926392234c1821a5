/**
 * Puts the widget of a Syntera server on a page. The widget itself always comes from that server, so
 * that the two never differ in version.
 */

/** @typedef {import("./index.d.ts").SynteraApi} SynteraApi */
/** @typedef {[string, ...unknown[]]} Call */

/**
 * Loads `widget.js` from `host` and gives its API at once: calls before it is there are made when it
 * is. Loading it again gives the same.
 *
 * @param {string} host such as `https://chat.example`
 * @returns {SynteraApi}
 */
export function load(host) {
  const scope = /** @type {{ Syntera?: SynteraApi | Call[] }} */ (
    /** @type {unknown} */ (globalThis)
  );
  if (!scope.Syntera) {
    scope.Syntera = [];
    const script = document.createElement("script");
    script.async = true;
    script.src = new URL("widget.js", host.endsWith("/") ? host : `${host}/`).href;
    document.head.append(script);
  }
  /** @param {Call} call */
  const later = (...call) => void scope.Syntera?.push(call);
  const now = () => (Array.isArray(scope.Syntera) ? undefined : scope.Syntera);
  return {
    boot: (options) => later("boot", options),
    identify: (jwt) => later("identify", jwt),
    setAttributes: (attributes) => later("setAttributes", attributes),
    open: () => later("open"),
    close: () => later("close"),
    on(name, listener) {
      const syntera = now();
      if (syntera) return syntera.on(name, listener);
      let heard = true;
      later("on", name, (/** @type {never} */ event) => {
        if (heard) listener(event);
      });
      return () => {
        heard = false;
      };
    },
    shutdown: () => later("shutdown"),
    push: (...calls) => void scope.Syntera?.push(...calls),
  };
}
