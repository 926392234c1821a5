/**
 * The API reference: lists the operations of /api/v1/openapi.json by service, the shapes that they
 * take and answer, and the error codes. Operations are found by any word in method, path, summary or
 * description, and each has an address of its own.
 */

import { element, table } from "./element.ts";
import {
  about,
  anchor,
  bodyOf,
  type Document,
  fields,
  mediaTypes,
  type Operation,
  type Schema,
  words,
} from "./openapi.ts";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Who may call an operation, in words. */
function access(operation: Operation, document_: Document): string {
  const ways = operation.security ?? document_.security ?? [];
  if (ways.length === 0 || ways.some((one) => Object.keys(one).length === 0)) {
    return "Open to everybody.";
  }
  const tokens = [...new Set(ways.flatMap(Object.keys))].join(" or ");
  const permissions = [...new Set(ways.flatMap((one) => Object.values(one).flat()))];
  const needed = permissions.length > 0 ? `, with ${permissions.join(", ")}` : "";
  return `Needs a token (${tokens})${needed}.`;
}

function details(operation: Operation, document_: Document): HTMLElement {
  const box = element("div", "details");
  if (operation.description) box.append(element("p", "", operation.description));
  box.append(element("p", "access", access(operation, document_)));
  const { content } = operation.requestBody ?? {};
  const types = mediaTypes(content);
  box.append(
    ...table(
      "Parameters",
      (operation.parameters ?? []).map((one) => ({
        name: one.name,
        type: [...words(one.schema), `, in ${one.in}${one.required ? "" : ", optional"}`],
        about: about(one.description, one.schema),
      })),
    ),
    ...table(types ? `Body: ${types}` : "Body", fields(bodyOf(content), document_)),
    ...table(
      "Answers",
      Object.entries(operation.responses ?? {}).map(([status, response]) => ({
        name: status,
        type: words(bodyOf(response.content)),
        about: [response.description ?? ""],
      })),
    ),
  );
  return box;
}

function row(path: string, method: string, operation: Operation, document_: Document) {
  const folded = element(
    "details",
    "",
    element(
      "summary",
      "",
      element("span", "method", method.toUpperCase()),
      element("span", "path", path),
      element("span", "summary", operation.summary ?? ""),
    ),
  );
  folded.id = operation.operationId ?? `${method}${path.replaceAll(/[^\w]+/g, "-")}`;
  // Drawn when it is opened: the document is long.
  folded.addEventListener(
    "toggle",
    () => {
      if (folded.open) folded.append(details(operation, document_));
    },
    { once: true },
  );
  folded.dataset.words = [method, path, operation.summary, operation.description, operation.tags]
    .join(" ")
    .toLowerCase();
  return folded;
}

function drawOperations(document_: Document, main: HTMLElement): HTMLDetailsElement[] {
  const groups = new Map<string, HTMLDetailsElement[]>();
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? "other";
      const rows = groups.get(tag) ?? [];
      groups.set(tag, rows);
      rows.push(row(path, method, operation, document_));
    }
  }
  for (const [tag, rows] of groups) {
    const description = document_.tags?.find((one) => one.name === tag)?.description;
    main.append(
      element(
        "section",
        "operations",
        element("h2", "", tag),
        ...(description ? [element("p", "", description)] : []),
        ...rows,
      ),
    );
  }
  return [...groups.values()].flat();
}

/** What a schema is when it has no fields. */
function shape(schema: Schema): HTMLElement[] {
  const { description: _, ...bare } = schema;
  return schema.properties ? [] : [element("p", "", ...words(bare))];
}

function drawSchemas(document_: Document, main: HTMLElement): void {
  const schemas = Object.entries(document_.components?.schemas ?? {}).sort(([a], [b]) =>
    a.localeCompare(b),
  );
  if (schemas.length === 0) return;
  const section = element("section", "", element("h2", "", "Shapes"));
  for (const [name, schema] of schemas) {
    const article = element("article", "", element("h3", "", element("code", "", name)));
    article.id = anchor(name);
    if (schema.description) article.append(element("p", "", schema.description));
    article.append(...shape(schema));
    // The name above is the heading of the fields.
    article.append(...table("", fields(schema, document_)).slice(1));
    section.append(article);
  }
  main.append(section);
}

function drawErrors(document_: Document, main: HTMLElement): void {
  const codes = document_.components?.schemas?.ErrorCode?.enum ?? [];
  if (codes.length === 0) return;
  const list = element("ul", "codes");
  for (const code of codes) {
    const link = element("a", "", String(code));
    link.href = `/errors/${code}`;
    list.append(element("li", "", link));
  }
  const lead =
    "Every error is a problem document (RFC 9457). Its code is what programs switch on, and each has a page.";
  main.append(element("section", "", element("h2", "", "Errors"), element("p", "", lead), list));
}

function filter(rows: HTMLDetailsElement[], wanted: string, count: HTMLElement): void {
  const terms = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const one of rows) {
    one.hidden = !terms.every((term) => one.dataset.words?.includes(term));
    if (!one.hidden) shown += 1;
  }
  for (const section of document.querySelectorAll<HTMLElement>("section.operations")) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
  count.textContent = `${shown} of ${rows.length} operations`;
}

/** Opens what the address names. */
function open(): void {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
  named?.scrollIntoView();
}

async function start(): Promise<void> {
  const main = document.getElementById("operations");
  const count = document.getElementById("count");
  const find = document.getElementById("find") as HTMLInputElement | null;
  if (!main || !count || !find) return;
  try {
    const response = await fetch("/api/v1/openapi.json");
    if (!response.ok) throw new Error(String(response.status));
    const document_ = (await response.json()) as Document;
    const rows = drawOperations(document_, main);
    drawSchemas(document_, main);
    drawErrors(document_, main);
    find.addEventListener("input", () => filter(rows, find.value, count));
    filter(rows, find.value, count);
    addEventListener("hashchange", open);
    open();
  } catch {
    count.textContent = "The OpenAPI document could not be read. Is the gateway running?";
  }
}

void start();
