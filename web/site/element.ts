/** Makes elements. Everything is set as text, never as HTML. */

export type Child = Node | string;

/** An element with a class and what is in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A row of a table: its name, and what is said of it. */
export interface Row {
  name: string;
  type: Child[];
  about: Child[];
}

/** A table below a heading; nothing without rows. */
export function table(heading: string, rows: Row[]): Node[] {
  if (rows.length === 0) return [];
  const body = element("tbody", "");
  for (const { name, type, about } of rows) {
    const head = element("th", "", element("code", "", name));
    head.scope = "row";
    body.append(element("tr", "", head, element("td", "", ...type), element("td", "", ...about)));
  }
  return [element("h3", "", heading), element("table", "", body)];
}
