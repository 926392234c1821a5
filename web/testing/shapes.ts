/** The frames of a client, field by field, and what is wrong with one. */

export type Fields = Record<string, unknown>;

/** The fields that each frame of a client has, all of them required but `kind`. */
const SHAPES: Record<
  string,
  Record<string, "string" | "number" | "boolean" | "list" | "object">
> = {
  hello: { resume: "list" },
  subscribe: { channel: "string", after_seq: "number" },
  send: { channel: "string", client_id: "string", kind: "string", body: "object" },
  typing: { channel: "string", on: "boolean" },
  read: { channel: "string", seq: "number" },
  auth: { token: "string" },
};

function shapeOf(value: unknown): string {
  return Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
}

/** What the protocol forbids about a visitor's frame, if anything. */
export function faultOf(type: string, frame: Fields): string | undefined {
  const shape = SHAPES[type];
  if (!shape) return `a frame of type ${type}`;
  for (const [field, kind] of Object.entries(shape)) {
    if (field === "kind" && frame.kind === undefined) continue;
    if (shapeOf(frame[field]) !== kind) return `${type}.${field} is ${shapeOf(frame[field])}`;
  }
  const stray = Object.keys(frame).find((field) => field !== "type" && !(field in shape));
  return stray === undefined ? undefined : `${type}.${stray} is no field`;
}
