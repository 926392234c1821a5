/**
 * The API reference: lists the operations of /api/v1/openapi.json by service, and finds them by any
 * word in method, path, summary or description. Everything is set as text, never as HTML.
 */

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  const?: unknown;
}

interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  operationId?: string;
  security?: Record<string, string[]>[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: Schema;
  }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<
    string,
    { description?: string; content?: Record<string, { schema?: Schema }> }
  >;
}

interface Document {
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

const METHODS = ["get", "post", "put", "patch", "delete"];

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function named(ref: string): string {
  return ref.split("/").at(-1) ?? ref;
}

/** A schema in few words. */
function words(schema: Schema | undefined): string {
  if (!schema) return "";
  if (schema.$ref) return named(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const options = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (options) return options.map(words).join(schema.allOf ? " & " : " | ");
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
  if (schema.items) return `${words(schema.items)}[]`;
  return schema.format ? `${type} (${schema.format})` : type;
}

function table(caption: string, rows: [string, string, string][]): Node[] {
  if (rows.length === 0) return [];
  const body = element("tbody", "");
  for (const [name, type, about] of rows) {
    const head = element("th", "", element("code", "", name));
    head.scope = "row";
    body.append(element("tr", "", head, element("td", "", type), element("td", "", about)));
  }
  return [element("h3", "", caption), element("table", "", body)];
}

function resolved(schema: Schema | undefined, document: Document): Schema | undefined {
  return schema?.$ref ? document.components?.schemas?.[named(schema.$ref)] : schema;
}

function fields(schema: Schema | undefined, document: Document): [string, string, string][] {
  const whole = resolved(schema, document);
  return Object.entries(whole?.properties ?? {}).map(([name, field]) => [
    name,
    whole?.required?.includes(name) ? words(field) : `${words(field)}, optional`,
    field.description ?? "",
  ]);
}

function bodyOf(content: Record<string, { schema?: Schema }> | undefined): Schema | undefined {
  return content ? (content["application/json"] ?? Object.values(content)[0])?.schema : undefined;
}

function details(operation: Operation, document: Document): HTMLElement {
  const box = element("div", "details");
  if (operation.description) box.append(element("p", "", operation.description));
  const open = operation.security?.some((one) => Object.keys(one).length === 0);
  if (operation.security && !open) {
    const ways = operation.security.flatMap(Object.keys);
    box.append(element("p", "", `Needs ${[...new Set(ways)].join(" or ")}.`));
  }
  box.append(
    ...table(
      "Parameters",
      (operation.parameters ?? []).map((p) => [
        p.name,
        `${words(p.schema)}, in ${p.in}${p.required ? "" : ", optional"}`,
        p.description ?? "",
      ]),
    ),
    ...table("Body", fields(bodyOf(operation.requestBody?.content), document)),
    ...table(
      "Answers",
      Object.entries(operation.responses ?? {}).map(([status, response]) => [
        status,
        words(bodyOf(response.content)),
        response.description ?? "",
      ]),
    ),
  );
  return box;
}

function row(path: string, method: string, operation: Operation, document: Document) {
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
  // Drawn when it is opened: the document is long.
  folded.addEventListener(
    "toggle",
    () => {
      if (folded.open) folded.append(details(operation, document));
    },
    { once: true },
  );
  folded.dataset.words = [method, path, operation.summary, operation.description, operation.tags]
    .join(" ")
    .toLowerCase();
  return folded;
}

function draw(document_: Document, main: HTMLElement): HTMLDetailsElement[] {
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
    const about = document_.tags?.find((one) => one.name === tag)?.description;
    main.append(
      element(
        "section",
        "",
        element("h2", "", tag),
        ...(about ? [element("p", "", about)] : []),
        ...rows,
      ),
    );
  }
  return [...groups.values()].flat();
}

function filter(rows: HTMLDetailsElement[], wanted: string, count: HTMLElement): void {
  const terms = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const one of rows) {
    one.hidden = !terms.every((term) => one.dataset.words?.includes(term));
    if (!one.hidden) shown += 1;
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
  count.textContent = `${shown} of ${rows.length} operations`;
}

async function start(): Promise<void> {
  const main = document.getElementById("operations");
  const count = document.getElementById("count");
  const find = document.getElementById("find") as HTMLInputElement | null;
  if (!main || !count || !find) return;
  try {
    const response = await fetch("/api/v1/openapi.json");
    if (!response.ok) throw new Error(String(response.status));
    const rows = draw((await response.json()) as Document, main);
    find.addEventListener("input", () => filter(rows, find.value, count));
    filter(rows, find.value, count);
  } catch {
    count.textContent = "The OpenAPI document could not be read. Is the gateway running?";
  }
}

void start();

export {};
