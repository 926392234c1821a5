/** The panel's entry: loaded on the first click, it hands its `mount` to the loader. */

import { render } from "preact";
import type { Mount, WidgetScript } from "../contract.ts";
import { languageOf, localeOf } from "../strings/index.ts";
import { count as plural } from "../strings/plural.ts";
import messages from "./messages.css";
import panel from "./panel.css";
import { Session } from "./session.ts";
import { Panel } from "./view.tsx";

const mount: Mount = async (host) => {
  const tag = host.config.locale;
  const language = languageOf(tag);
  let locale = localeOf(tag);
  const session = new Session(host, (count) => plural(locale.tag, locale.strings.unread, count));
  // Nothing is shown in a language that nobody asked for, unless the other one cannot be had.
  if (language) {
    const strings = await session.parts.load(language).catch(() => undefined);
    if (strings) locale = localeOf(tag, strings);
  }
  const sheets = host.root.adoptedStyleSheets;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(panel + messages);
  host.root.adoptedStyleSheets = [...sheets, sheet];
  const place = document.createElement("div");
  // Before the launcher: the order of the keyboard is the order on the screen.
  host.root.querySelector(".root")?.prepend(place);
  let open = false;
  let due = false;
  let over = false;
  const draw = (): void => {
    due = false;
    if (over) return;
    render(
      <Panel
        session={session}
        locale={locale}
        greeting={host.config.greeting}
        open={open}
        onClose={host.onClose}
      />,
      place,
    );
  };
  // Words come faster than a screen can show them: at most one drawing a frame.
  session.onChange(() => {
    if (due) return;
    due = true;
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw, 100);
  });
  const show = (visible: boolean): void => {
    open = visible;
    session.show(visible);
    draw();
  };
  draw();
  return {
    open: () => show(true),
    close: () => show(false),
    identify: (jwt) => void session.identify(jwt),
    setAttributes: (attributes) => session.setAttributes(attributes),
    destroy() {
      over = true;
      session.destroy();
      render(null, place);
      place.remove();
      host.root.adoptedStyleSheets = sheets;
    },
  };
};

(document.currentScript as WidgetScript).syntera = mount;
