/**
 * Kill any process in the middle of a conversation: no acknowledged message is lost or shown twice,
 * every question gets its one answer, and the numbers count once.
 *
 * Each test has a workspace of its own, so that its report counts nothing but this conversation.
 */

import { expect, test } from "@playwright/test";
import { agentWith, all, history, type Json, must, workspace } from "../src/api.ts";
import { eventually } from "../src/eventually.ts";
import { kill, NO_INSTANCE } from "../src/fleet.ts";
import { Visitor } from "../src/visitor.ts";

const TEXTS = [
  {
    title: "Shipping",
    content:
      "Standard shipping costs $6.95 and takes 3 to 5 business days. Express shipping costs $14.95 and takes 2 business days. Orders of $75 or more ship free.",
  },
  {
    title: "Returns",
    content:
      "You can return unused items within 60 days of delivery. Refunds reach your account within 5 business days after the parcel has reached our warehouse.",
  },
];

const QUESTIONS = [
  "How much does standard shipping cost?",
  "How long does express shipping take?",
  "How many days do I have to return an item?",
  "When do I get my refund?",
  "Do orders of $75 ship free?",
  "Do you sell horse saddles?",
];

/** Messages in a row may get one answer together, so they are about one thing. */
const BURST = [
  "Hello!",
  "One more thing.",
  "I am in a hurry.",
  "It is about express shipping.",
  "How long does express shipping take?",
];

/** When the process is killed: as the message leaves, as the answer streams, after the answer. */
const MOMENTS = ["as it is sent", "as it is answered", "after the answer"] as const;
type Moment = (typeof MOMENTS)[number];

interface Target {
  name: string;
  moments: readonly Moment[];
  /** From the kill to the next answer, at most. */
  withinMs: number;
  /** Deltas go through it: what was under way when it died may be missed. */
  carriesDeltas?: boolean;
}

const TARGETS: Target[] = [
  ...["gateway", "auth", "agent", "crm", "chat", "analytics"].map((name) => ({
    name,
    moments: MOMENTS,
    withinMs: 60_000,
    carriesDeltas: name === "chat" || name === "agent",
  })),
  { name: "rabbitmq", moments: ["as it is sent", "as it is answered"], withinMs: 120_000 },
  { name: "redis", moments: MOMENTS, withinMs: 60_000, carriesDeltas: true },
];

/** Asks one question and kills the process at the given moment; answers the question's client_id. */
async function askAndKill(
  visitor: Visitor,
  text: string,
  target: Target,
  moment: Moment,
): Promise<string> {
  if (moment === "as it is answered") {
    const first = visitor.next((frame) => frame.type === "message.delta", target.withinMs);
    const { clientId } = visitor.channel.send(text);
    await first;
    await kill(target.name);
    await visitor.answerTo(clientId, target.withinMs);
    return clientId;
  }
  const { clientId } = visitor.channel.send(text);
  if (moment === "after the answer") await visitor.answerTo(clientId, target.withinMs);
  await kill(target.name);
  await visitor.answerTo(clientId, target.withinMs);
  return clientId;
}

/** Each question is answered once, before the next was asked. */
function expectOneAnswerEach(log: Json[], questions: string[]): void {
  const messages = log.filter((entry) => entry.kind === "message");
  for (const clientId of questions) {
    const at = messages.findIndex((entry) => entry.client_id === clientId);
    const kinds = messages.slice(at, at + 3).map((entry) => entry.sender.kind);
    expect(kinds.slice(0, 2), `${clientId} and what follows`).toEqual(["visitor", "agent"]);
    expect(kinds[2], `what follows the answer to ${clientId}`).not.toBe("agent");
  }
}

for (const target of TARGETS) {
  test(`${target.name} is killed in the middle of a conversation`, async () => {
    test.skip(NO_INSTANCE !== "", NO_INSTANCE);
    test.setTimeout(480_000);
    const { token } = await workspace();
    const { agent, key } = await agentWith(token, TEXTS);
    const visitor = new Visitor(key);
    try {
      const channel = await visitor.start();
      const asked: string[] = [];
      const ask = async (index: number): Promise<void> => {
        const text = QUESTIONS[index % QUESTIONS.length] ?? "";
        asked.push((await visitor.ask(text, target.withinMs)).clientId);
      };
      await ask(0);
      for (const [index, moment] of target.moments.entries()) {
        const text = QUESTIONS[(2 * index + 1) % QUESTIONS.length] ?? "";
        await test.step(`killed ${moment}`, async () => {
          asked.push(await askAndKill(visitor, text, target, moment));
          await ask(2 * index + 2);
        });
      }
      // Several at once, with a kill among them: kept in order, and the last one answered. (An
      // answer that was under way when it came may stand before its own.)
      const burst = BURST.map((text) => visitor.channel.send(text).clientId);
      await test.step("killed in a burst", () => kill(target.name));
      const last = burst.at(-1) ?? "";
      const answer = await visitor.answerTo(last, target.withinMs, /2 business days/);
      expect(answer.body.sources?.[0]?.title).toBe("Shipping");
      await visitor.end();

      const sent = [...asked, ...burst];
      const { token: visitorToken } = await visitor.token();
      const log = await eventually(() => history(channel, visitorToken), "the history is read");
      expect(log.map((entry) => entry.seq)).toEqual(log.map((_, index) => index + 1));
      const mine = log.filter((entry) => entry.sender.kind === "visitor" && entry.body);
      expect(mine.map((entry) => entry.client_id)).toEqual(sent);
      expect([...visitor.acked.keys()]).toEqual(sent);
      for (const entry of mine) expect(visitor.acked.get(entry.client_id)).toBe(entry.seq);
      expectOneAnswerEach(log, asked);

      expect(visitor.channel.entries.map((entry) => entry.seq)).toEqual(log.map((e) => e.seq));
      const broken = visitor
        .broken()
        .filter((line) => !(target.carriesDeltas && line.startsWith("a delta at")));
      expect(broken).toEqual([]);

      const answers = log.filter((entry) => entry.sender.kind === "agent").length;
      await expectCountedOnce(token, agent, key, visitor, sent.length, answers);
    } finally {
      visitor.stop();
    }
  });
}

/**
 * One contact, one interaction, one count. A second, short conversation is the proof that nothing
 * is under way any more that would count the first one twice.
 */
async function expectCountedOnce(
  token: string,
  agent: string,
  key: string,
  visitor: Visitor,
  questions: number,
  answers: number,
): Promise<void> {
  const contact = await eventually(async () => {
    const contacts = await all("/contacts", token);
    return contacts.find((one) => one.visitor_id === visitor.visitorId);
  }, "the visitor is a contact");
  const interactions = () => all(`/contacts/${contact.id}/interactions`, token);
  await eventually(
    async () => (await interactions()).length > 0,
    "there is an interaction",
    60_000,
  );
  const report = () => must("GET", "/reports/conversations", { token });
  await eventually(async () => (await report()).totals.ended >= 1, "the report counts it", 60_000);

  const second = new Visitor(key);
  try {
    await second.start();
    await second.ask("How much does standard shipping cost?");
    await second.end();
    const totals = await eventually(async () => {
      const { totals } = await report();
      return totals.ended >= 2 && totals.unique_contacts >= 2 ? totals : undefined;
    }, "the report counts the second conversation");
    expect(totals).toMatchObject({
      started: 2,
      ended: 2,
      escalated: 0,
      unique_contacts: 2,
      visitor_messages: questions + 1,
      agent_messages: answers + 1,
      user_messages: 0,
    });
    const found = await interactions();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      agent_id: agent,
      channel_id: visitor.channel.id,
      type: "chat",
    });
    const contacts = await all("/contacts", token);
    expect(contacts.filter((one) => one.visitor_id === visitor.visitorId)).toHaveLength(1);
    const metrics = await all("/metrics?metric_type=conversation_ended", token);
    expect(metrics.map((metric) => metric.value)).toEqual([1, 1]);
  } finally {
    second.stop();
  }
}
