/**
 * What a role does not allow. The OpenAPI document names the permission of each operation, so an
 * operation is covered on the day it appears.
 */

import { randomUUID } from "node:crypto";
import { expect, test } from "@playwright/test";
import { call, colleague, type Json, must, workspace } from "../src/api.ts";

const METHODS = ["get", "post", "put", "patch", "delete"];
/** A permission that the members of these tests have, so that they have a role at all. */
const HARMLESS = "analytics:read";

/** Somebody in the workspace of `owner` who may do nothing but this. */
async function only(owner: string, permission: string): Promise<string> {
  const { id } = await must("POST", "/auth/roles", {
    token: owner,
    json: { name: `Role ${randomUUID().slice(0, 8)}`, permissions: [permission] },
  });
  return (await colleague(owner, { role: "custom", role_id: id })).token;
}

test("each operation refuses a role that lacks its permission", async () => {
  const document = await must("GET", "/openapi.json");
  const { token: owner } = await workspace();
  const [reader, keeper] = [await only(owner, HARMLESS), await only(owner, "contacts:read")];
  let tried = 0;
  for (const [path, item] of Object.entries(document.paths as Record<string, Json>)) {
    for (const method of METHODS.filter((one) => one in item)) {
      const [wanted] = (item[method].security ?? []).flatMap((one: Json) => one.bearer ?? []);
      if (wanted === undefined) continue;
      const what = `${method.toUpperCase()} ${path}, which wants ${wanted}`;
      const token = wanted === HARMLESS ? keeper : reader;
      const filled = path.replace("{type}", "conversations").replace(/\{\w+\}/g, randomUUID());
      const takesJson = item[method].requestBody !== undefined;
      const answer = await call(method.toUpperCase(), filled, {
        token,
        ...(takesJson ? { json: {} } : {}),
      });
      // A query or a body that is not valid may be refused first; nothing may pass.
      expect(takesJson ? [400, 403, 404, 415, 422] : [403, 404], what).toContain(answer.status);
      if (!path.includes("{") && !takesJson) expect(answer.status, what).toBe(403);
      tried += 1;
    }
  }
  expect(tried).toBeGreaterThan(30);
});
