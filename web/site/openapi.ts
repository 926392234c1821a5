/** What the reference reads of an OpenAPI 3.1 document, and how a schema is put into words. */

import { type Child, element, type Row } from "./element.ts";

export interface Schema {
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
  default?: unknown;
  example?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

type Content = Record<string, { schema?: Schema }>;

export interface Operation {
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
  requestBody?: { required?: boolean; content?: Content };
  responses?: Record<string, { description?: string; content?: Content }>;
}

export interface Document {
  tags?: { name: string; description?: string }[];
  security?: Record<string, string[]>[];
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** The place on the page where a schema is explained. */
export function anchor(schema: string): string {
  return `schema-${schema}`;
}

function named(ref: string): string {
  return ref.split("/").at(-1) ?? ref;
}

/** A schema in few words; the names of others lead to where they are explained. */
export function words(schema: Schema | undefined): Child[] {
  if (!schema) return [];
  if (schema.$ref) {
    const name = named(schema.$ref);
    const link = element("a", "", name);
    link.href = `#${anchor(name)}`;
    return [link];
  }
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(" | ")];
  const options = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (options) {
    const between = schema.allOf ? " & " : " | ";
    return options.flatMap((one, place) => (place > 0 ? [between, ...words(one)] : words(one)));
  }
  if (schema.items) return [...words(schema.items), "[]"];
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
  return [schema.format ? `${type} (${schema.format})` : type];
}

/** What a value must keep to, beyond its type. */
function bounds(schema: Schema): string {
  const range = (what: string, least?: number, most?: number) => {
    if (least === undefined && most === undefined) return "";
    if (least === undefined) return `at most ${most}${what}`;
    return most === undefined ? `at least ${least}${what}` : `${least} to ${most}${what}`;
  };
  return [
    range("", schema.minimum, schema.maximum),
    range(" characters", schema.minLength, schema.maxLength),
    range(" items", schema.minItems, schema.maxItems),
    schema.pattern === undefined ? "" : `matches ${schema.pattern}`,
    schema.default === undefined ? "" : `${JSON.stringify(schema.default)} by default`,
    schema.example === undefined ? "" : `such as ${JSON.stringify(schema.example)}`,
  ]
    .filter(Boolean)
    .join("; ");
}

/** What is said of a value. */
export function about(description: string | undefined, schema: Schema | undefined): Child[] {
  const limits = schema ? bounds(schema) : "";
  const text = description ?? schema?.description ?? "";
  if (!limits) return [text];
  return [text, text ? element("br", "") : "", element("small", "", limits)];
}

/** The fields of a schema, those of its parts included. */
export function fields(schema: Schema | undefined, document: Document): Row[] {
  const whole = schema?.$ref ? document.components?.schemas?.[named(schema.$ref)] : schema;
  const own = Object.entries(whole?.properties ?? {}).map(([name, field]) => ({
    name,
    type: whole?.required?.includes(name) ? words(field) : [...words(field), ", optional"],
    about: about(undefined, field),
  }));
  return [...(whole?.allOf ?? []).flatMap((part) => fields(part, document)), ...own];
}

/** What comes as JSON, or else the first of what comes. */
export function bodyOf(content: Content | undefined): Schema | undefined {
  return content ? (content["application/json"] ?? Object.values(content)[0])?.schema : undefined;
}

/** The media types of a body that is not JSON. */
export function mediaTypes(content: Content | undefined): string {
  const types = Object.keys(content ?? {});
  return types.every((type) => type.endsWith("json")) ? "" : types.join(", ");
}
