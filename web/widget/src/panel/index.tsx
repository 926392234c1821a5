/** The panel's entry: loaded on the first click, it hands its `mount` to the loader. */

import { render } from "preact";
import type { Mount, PanelScript } from "../contract.ts";
import { localeFor } from "../strings/index.ts";
import messages from "./messages.css";
import panel from "./panel.css";
import { Session } from "./session.ts";
import { Panel } from "./view.tsx";

const mount: Mount = (host) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(panel + messages);
  host.root.adoptedStyleSheets = [...host.root.adoptedStyleSheets, sheet];
  const place = document.createElement("div");
  // Before the launcher: the order of the keyboard is the order on the screen.
  host.root.querySelector(".root")?.prepend(place);
  const session = new Session(host);
  const locale = localeFor(host.config.locale ?? document.documentElement.lang);
  let open = false;
  let due = false;
  let over = false;
  const draw = (): void => {
    due = false;
    if (over) return;
    render(<Panel session={session} locale={locale} open={open} onClose={host.onClose} />, place);
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
    destroy() {
      over = true;
      session.destroy();
      render(null, place);
      place.remove();
      host.root.adoptedStyleSheets = host.root.adoptedStyleSheets.filter((one) => one !== sheet);
    },
  };
};

(document.currentScript as PanelScript).synteraMount = mount;
