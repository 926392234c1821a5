/**
 * English. Another language is another file of these two objects, listed in index.ts; the loader
 * takes only `launcher`, so that it stays small.
 */

export const launcher = {
  open: "Open chat",
  close: "Close chat",
  unread: (count: number) => `Open chat, ${count} new ${count === 1 ? "message" : "messages"}`,
  failed: "The chat could not be loaded. Please try again.",
};

export const panel = {
  agentFallback: "Assistant",
  aiAgent: "AI agent",
  personRole: "Team member",
  personFallback: "A team member",
  close: "Close chat",
  log: "Conversation",
  greeting: (name: string) => `Hi, I’m ${name}, an AI agent.`,
  greetingNoName: "Hi, I’m an AI agent.",
  greetingMore:
    "Ask me anything. I answer from our help pages and show you where I found it. You can talk to a person at any time.",
  placeholder: "Write a message…",
  message: "Message",
  send: "Send message",
  tooLong: (over: number) => `${over} characters too long`,
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
  edit: "Edit",
  newMessages: "New messages",
  talkToPerson: "Talk to a person",
  offer: "Would you rather ask someone from our team?",
  waiting: "Waiting for a person",
  waitingMore: "You can keep writing. They will see the whole conversation.",
  personHere: (name: string) => `${name} is here`,
  end: "End conversation",
  endShort: "End",
  endAsk: "End this conversation?",
  endKeep: "Keep talking",
  ended: "This conversation has ended.",
  startNew: "Start a new conversation",
  stateAsked: "You asked for a person",
  statePassedOn: "Passed on to a person",
  stateJoined: (name: string) => `${name} joined the conversation`,
  stateAgentBack: "The AI agent is answering again",
  stateEnded: "Conversation ended",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  offline: "You’re offline. What you write is sent when you’re back.",
  failed: "We can’t reach the chat right now.",
  refused: "Chat isn’t available here at the moment.",
  personFailed: "That didn’t go through. Please try again.",
  endFailed: "The conversation could not be ended. Please try again.",
};

export type LauncherStrings = typeof launcher;
export type PanelStrings = typeof panel;
