/**
 * English. Another language is another file with the same names, and a missing or a stray string in
 * it does not compile. The loader takes only `launcher`, the panel only `panel`, and each part of the
 * panel that comes later its own.
 */

import type { Forms } from "./plural.ts";

export const launcher = {
  open: "Open chat",
  close: "Close chat",
  failed: "The chat could not be loaded. Please try again.",
};

export const panel = {
  unread: { one: "Open chat, # new message", other: "Open chat, # new messages" } as Forms,
  agentFallback: "Assistant",
  aiAgent: "AI agent",
  personRole: "Team member",
  personFallback: "A team member",
  close: "Close chat",
  menu: "Conversations and settings",
  back: "Back to the conversation",
  log: "Conversation",
  greeting: (name: string) => `Hi, I’m ${name}, an AI agent.`,
  greetingNoName: "Hi, I’m an AI agent.",
  greetingMore:
    "Ask me anything. I answer from our help pages and show you where I found it. You can talk to a person at any time.",
  placeholder: "Write a message…",
  message: "Message",
  send: "Send message",
  attach: "Attach files",
  emoji: "Add an emoji",
  dropHere: "Drop files to attach them",
  tooLong: { one: "# character too long", other: "# characters too long" } as Forms,
  you: "You",
  sources: "Sources",
  source: (n: number, title: string) => `Source ${n}: ${title}`,
  opensInNewTab: "opens in a new tab",
  writing: (name: string) => `${name} is writing`,
  sending: "Sending…",
  waitingToSend: "Waiting to send…",
  notSent: "Not sent.",
  tooManyMessages: "Too many messages at once.",
  tryAgain: "Try again",
  options: "Message options",
  edit: "Edit",
  delete: "Delete",
  save: "Save",
  cancel: "Cancel",
  editing: "Editing your message",
  edited: "edited",
  deleted: "Message deleted",
  helpful: "This helped",
  notHelpful: "This didn’t help",
  quickReplies: "Suggested replies",
  reaction: (sign: string, times: number) => `${sign}, ${times}`,
  newMessages: "New messages",
  talkToPerson: "Talk to a person",
  offer: "Would you rather ask someone from our team?",
  waiting: "Waiting for a person",
  next: "You’re next",
  position: (place: number) => `Number ${place} in line`,
  wait: { one: "about # minute", other: "about # minutes" } as Forms,
  waitingMore: "You can keep writing. They will see the whole conversation.",
  personHere: (name: string) => `${name} is here`,
  end: "End conversation",
  endShort: "End",
  endAsk: "End this conversation?",
  endKeep: "Keep talking",
  ended: "This conversation has ended.",
  reopen: "Continue this conversation",
  startNew: "Start a new conversation",
  stateAsked: "You asked for a person",
  statePassedOn: "Passed on to a person",
  stateJoined: (name: string) => `${name} joined the conversation`,
  stateAgentBack: "The AI agent is answering again",
  stateReopened: "Conversation continued",
  stateEnded: "Conversation ended",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  offline: "You’re offline. What you write is sent when you’re back.",
  failed: "We can’t reach the chat right now.",
  refused: "Chat isn’t available here at the moment.",
  actionFailed: "That didn’t go through. Please try again.",
  endFailed: "The conversation could not be ended. Please try again.",
};

/** Consent, the forms, and the rating. */
export const forms = {
  consentTitle: "Before we start",
  agree: "I agree",
  prechatTitle: "Tell us who you are",
  prechatMore: "So that we know whom we talk to.",
  offlineTitle: "Nobody is here right now",
  offlineMore: "Leave your address and we’ll get back to you. The conversation stays open.",
  name: "Name",
  email: "E-mail",
  phone: "Phone",
  optional: "optional",
  start: "Start chatting",
  submit: "Send",
  notNow: "Not now",
  missing: "Please fill this in.",
  badEmail: "Please write an address such as name@example.com.",
  thanks: "Thank you! We’ll be in touch.",
  failed: "That didn’t go through. Please try again.",
  rateTitle: "How was this conversation?",
  rateScores: ["Bad", "Not good", "All right", "Good", "Great"] as readonly string[],
  rateComment: "What could be better?",
  rated: "Thank you for telling us!",
};

/** Files of messages, and files to send. */
export const files = {
  attached: "Files to send",
  uploading: (name: string, percent: number) => `${name}: ${percent} %`,
  remove: (name: string) => `Remove ${name}`,
  retry: (name: string) => `Try ${name} again`,
  download: (name: string) => `Download ${name}`,
  open: (name: string) => `Open ${name}`,
  tooLarge: "This file is too large.",
  tooMany: { one: "# file at a time", other: "# files at a time" } as Forms,
  notTaken: "This kind of file can’t be sent.",
  failed: "Not uploaded.",
  gone: "This file can’t be loaded.",
};

export const emoji = {
  label: "Emoji",
  close: "Close",
};

/** The list of conversations, and the settings. */
export const menu = {
  title: "Your conversations",
  open: "Open",
  ended: "Ended",
  waiting: "Waiting for a person",
  person: "With our team",
  unread: { one: "# new message", other: "# new messages" } as Forms,
  current: "Current conversation",
  none: "No other conversations yet.",
  failed: "Your conversations could not be loaded.",
  tryAgain: "Try again",
  more: "Show more",
  sound: "Sound for new messages",
};

export type LauncherStrings = typeof launcher;
export type PanelStrings = typeof panel;
export interface Strings {
  launcher: LauncherStrings;
  panel: PanelStrings;
  forms: typeof forms;
  files: typeof files;
  emoji: typeof emoji;
  menu: typeof menu;
}
/** What of a language the panel loads. */
export type LoadedStrings = Omit<Strings, "launcher">;
