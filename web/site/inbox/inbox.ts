/** The inbox: where people of the company answer visitors. */

import { unforeseen } from "../account/forms.ts";
import { box } from "../account/page.ts";
import { leave } from "../account/paths.ts";
import { isSignedOut, Problem, words } from "../account/problem.ts";
import { Composer } from "./composer.ts";
import { Details } from "./details.ts";
import { List } from "./list.ts";
import { begin } from "./session.ts";
import { Thread } from "./thread.ts";

const STATUS: Record<string, string> = {
  connecting: "Connecting…",
  reconnecting: "The connection is lost; trying again…",
  offline: "This machine is offline.",
};

async function start(): Promise<void> {
  const session = await begin();
  const thread = new Thread(session, new Details(session), new Composer());
  const open = (id: string): void => {
    history.replaceState(null, "", `?${new URLSearchParams({ channel: id })}`);
    thread.open(id).catch(tell);
  };
  const list = new List(session, open);
  session.client.on("status", (status) => {
    box("connection").textContent = STATUS[status] ?? "";
  });
  session.client.watch(true);
  session.client.start();
  await list.load();
  const wanted = new URLSearchParams(location.search).get("channel");
  box("state").textContent = "";
  box("content").hidden = false;
  if (wanted) open(wanted);
}

function tell(error: unknown): void {
  if (isSignedOut(error)) leave();
  else box("state").textContent = words(error instanceof Problem ? error : unforeseen(error));
}

start().catch(tell);
