/** What the tests of the client and of the widget share. */

export { FakeChat, type LogEntry, MAX_TEXT } from "./chat.ts";
export { MemoryNet } from "./memory.ts";
export { Schedule, seeded } from "./schedule.ts";
