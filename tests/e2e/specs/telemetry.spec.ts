/** One conversation leaves no personal data and no secret in any log, and one trace from end to end. */

import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { agentWith, must, workspace } from "../src/api.ts";
import { eventually } from "../src/eventually.ts";
import { inInstance, NO_INSTANCE } from "../src/fleet.ts";
import { Visitor } from "../src/visitor.ts";

const SERVICES = ["gateway", "auth", "agent", "crm", "chat", "analytics", "inference"];

test("no word of a person and no secret is in any log", async () => {
  test.skip(NO_INSTANCE !== "", NO_INSTANCE);
  test.setTimeout(180_000);
  const mark = randomUUID().replaceAll("-", "");
  const person = { name: `Ada ${mark}`, email: `ada-${mark}@e2e.example`, phone: "+15550199123" };
  const { token, email, password } = await workspace();
  const text = `The code word is ${mark} and standard shipping costs $6.95.`;
  const { key } = await agentWith(token, [{ title: "Shipping", content: text }]);
  await must("POST", "/contacts", { token, json: person });
  const visitor = new Visitor(key);
  let visitorToken = "";
  try {
    await visitor.start();
    visitorToken = (await visitor.token()).token;
    await visitor.ask(`I am ${person.name}, ${person.email}. What does standard shipping cost?`);
    await visitor.end();
    await eventually(async () => {
      const { totals } = await must("GET", "/reports/conversations", { token });
      return totals.ended === 1;
    }, "the report counts it");
  } finally {
    visitor.stop();
  }
  const secrets = {
    "what was said, or whose name it is": mark,
    "the telephone number": person.phone,
    "the owner's address": email,
    "the password": password,
    "the person's token": token.split(".").at(-1),
    "the visitor's token": visitorToken.split(".").at(-1),
    "the publishable key": key,
  };
  const logs = (await readdir(inInstance("logs"))).filter((file) => file.endsWith(".log"));
  for (const service of SERVICES) expect(logs).toContain(`${service}.log`);
  const found: string[] = [];
  for (const file of logs) {
    const lines = (await readFile(inInstance("logs", file), "utf8")).split("\n");
    for (const [what, secret] of Object.entries(secrets)) {
      const line = lines.find((one) => secret !== undefined && one.includes(secret));
      if (line !== undefined) found.push(`${what} is in ${file}: ${line.slice(0, 300)}`);
    }
  }
  expect(found).toEqual([]);
});

interface Span {
  service: string;
  name: string;
  trace_id: string;
  span_id: string;
  parent_span_id: string;
  attributes: Record<string, string>;
}

async function spans(): Promise<Span[]> {
  const lines = (await readFile(inInstance("traces.jsonl"), "utf8")).split("\n");
  // The last line may be on its way.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Span);
}

test("one trace leads from the socket's frame over the bus to the model and back", async () => {
  test.skip(NO_INSTANCE !== "", NO_INSTANCE);
  test.setTimeout(180_000);
  const { token } = await workspace();
  const { key } = await agentWith(token, [
    { title: "Shipping", content: "Standard shipping costs $6.95 and takes 3 to 5 business days." },
  ]);
  const visitor = new Visitor(key);
  let channel = "";
  try {
    channel = await visitor.start();
    await visitor.ask("How much does standard shipping cost?");
  } finally {
    visitor.stop();
  }
  const wanted: [string, RegExp][] = [
    ["chat", /^chat\.socket\.send$/],
    ["chat", /^chat\.messages\.create$/],
    ["agent", /^consume chat\.message\.created\.v1$/],
    ["agent", /^llm\.chat$/],
    ["inference", /^POST .*chat\/completions$/],
    ["chat", /^POST .*replies$/],
    ["chat", /^chat\.replies\.commit$/],
  ];
  const trace = await eventually(async () => {
    const seen = await spans();
    const root = seen.find(
      (span) => span.name === "chat.socket.send" && span.attributes.channel === channel,
    );
    if (!root) throw new Error(`no span of the frame for ${channel}`);
    const same = seen.filter((span) => span.trace_id === root.trace_id);
    const missing = wanted.filter(
      ([service, name]) => !same.some((s) => s.service === service && name.test(s.name)),
    );
    if (missing.length > 0) {
      const there = same.map((span) => `${span.service} ${span.name}`);
      throw new Error(`not in the trace: ${missing.join("; ")}\nin it: ${there.join("; ")}`);
    }
    return same;
  }, "the trace is whole");
  const ids = new Set(trace.map((span) => span.span_id));
  const roots = trace.filter((span) => !ids.has(span.parent_span_id));
  expect(roots.map((span) => span.name)).toEqual(["chat.socket.send"]);
});
