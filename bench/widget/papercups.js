/** Papercups' widget, embedded as its README says, in a page that has no React of its own. */

import { ChatWidget } from "@papercups-io/chat-widget";
import { createElement } from "react";
import { render } from "react-dom";

const root = document.body.appendChild(document.createElement("div"));
const options = {
  token: "00000000-0000-4000-8000-000000000000",
  title: "Welcome",
  newMessagePlaceholder: "Write a message",
  baseUrl: location.origin,
};
render(createElement(ChatWidget, options), root);
