/** The reference client of Syntera's socket protocol, for browsers and Node. */

export * from "./calls.ts";
export { Channel, type Extra, type Outgoing } from "./channel.ts";
export { Client, type ClientEvents, type ClientOptions, type Fault } from "./client.ts";
export type { Status } from "./connection.ts";
export { Emitter } from "./emitter.ts";
export * from "./frames.ts";
export {
  alwaysOnline,
  type Network,
  Refused,
  systemTimers,
  type Timers,
  type Token,
  type TokenSource,
  type WebSocketConstructor,
  type WebSocketLike,
} from "./ports.ts";
export { Problem, Rest, type Started, type VisitorSession } from "./rest.ts";
export type { Stream } from "./streams.ts";
export { type Upload, upload } from "./upload.ts";
export { type Item, type MessageView, type Reaction, View } from "./view.ts";
