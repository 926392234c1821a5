/**
 * What draws the panel: the part of Preact that the panel uses, under Preact's types. The build puts
 * this in the place of `preact` (scripts/build.mjs), because the whole of it, with its hooks, would be
 * a fifth of all that opening the chat loads.
 *
 * Function components, keyed lists, `useState`, `useRef` and effects. Text is set as text and
 * attributes as attributes: there is no way to set HTML. Effects run once the elements are in place.
 */

type Props = Record<string, unknown> & { children?: unknown; ref?: { current: unknown } };
type Component = (props: Props) => unknown;

interface Element {
  type: string | Component;
  props: Props;
  key: string | number | undefined;
}

type Hook = { value?: unknown; deps?: unknown[] | undefined; stop?: unknown; current?: unknown };

/** An element as it stands on the page, a text, or a component between them. */
interface Instance {
  of: Element | string | undefined;
  parent: Instance | undefined;
  /** Of elements and texts. */
  dom: globalThis.Element | Text | undefined;
  kids: (Instance | undefined)[];
  hooks: Hook[];
  svg: boolean;
  gone: boolean;
}

type Listening = globalThis.Element & { heard?: Record<string, (event: Event) => void> };

const roots = new WeakMap<globalThis.Element, Instance>();
const changed = new Set<Instance>();
/** What is to run once the elements are in place. */
let effects: (() => void)[] = [];
/** The component that is being drawn, which of its hooks comes next, and its effects. */
let current: Instance;
let at = 0;
let own: (() => void)[] = [];

export function jsx(type: Element["type"], props: Props, key?: Element["key"]): Element {
  return { type, props, key };
}

export { jsx as jsxs };

export function Fragment({ children }: Props): unknown {
  return children;
}

/** Draws into `place`, which is nobody else's; nothing takes out what was drawn. */
export function render(what: unknown, place: globalThis.Element): void {
  const root = roots.get(place) ?? instance(undefined, place);
  roots.set(place, root);
  reconcile(root, what);
  arrange(root);
  settle();
}

function hook(): Hook {
  const { hooks } = current;
  const found = hooks[at] ?? {};
  hooks[at] = found;
  at += 1;
  return found;
}

export function useRef(value: unknown): Hook {
  const found = hook();
  if (!("current" in found)) found.current = value;
  return found;
}

export function useState(value: unknown): [unknown, (next: unknown) => void] {
  const found = hook();
  const mine = current;
  if (!("value" in found)) found.value = value;
  return [
    found.value,
    (next) => {
      const to = typeof next === "function" ? next(found.value) : next;
      if (Object.is(to, found.value)) return;
      found.value = to;
      if (changed.size === 0) queueMicrotask(redraw);
      changed.add(mine);
    },
  ];
}

export function useEffect(run: () => unknown, deps?: unknown[]): void {
  const found = hook();
  const mine = current;
  const before = found.deps;
  if (before && deps?.every((one, index) => Object.is(one, before[index]))) return;
  found.deps = deps;
  own.push(() => {
    if (mine.gone) return;
    stop(found);
    found.stop = run();
  });
}

export { useEffect as useLayoutEffect };

function stop(one: Hook): void {
  if (typeof one.stop === "function") one.stop();
  one.stop = undefined;
}

function redraw(): void {
  const all = [...changed];
  changed.clear();
  for (const one of all) {
    if (one.gone) continue;
    call(one);
    let host = one.parent;
    while (host && !host.dom) host = host.parent;
    if (host) arrange(host);
  }
  settle();
}

function settle(): void {
  const now = effects;
  effects = [];
  for (const run of now) run();
}

function instance(parent: Instance | undefined, dom?: Instance["dom"]): Instance {
  const svg = parent?.svg ?? false;
  return { of: undefined, parent, dom, kids: [], hooks: [], svg, gone: false };
}

/** Calls a component and draws what it answers. Its effects come after those inside of it. */
function call(one: Instance): void {
  const { type, props } = one.of as Element;
  const outer = [current, at, own] as const;
  [current, at, own] = [one, 0, []];
  const mine = own;
  let out: unknown;
  try {
    out = (type as Component)(props);
  } finally {
    [current, at, own] = outer;
  }
  reconcile(one, out);
  effects.push(...mine);
}

/** A list within a list is one place in it, and what is not drawn keeps its place. */
function childOf(child: unknown): Element | string | undefined {
  if (child === null || child === undefined || typeof child === "boolean") return undefined;
  if (Array.isArray(child)) return jsx(Fragment, { children: child });
  return typeof child === "object" ? (child as Element) : String(child);
}

function same(a: Instance["of"], b: Element | string): boolean {
  if (typeof a !== "object" || typeof b !== "object") return typeof a === typeof b;
  return a.type === b.type && a.key === b.key;
}

function reconcile(host: Instance, children: unknown): void {
  const before = host.kids;
  const keyed = new Map<unknown, Instance>();
  for (const kid of before) {
    if (typeof kid?.of === "object" && kid.of.key !== undefined) keyed.set(kid.of.key, kid);
  }
  const kept = new Set<Instance>();
  host.kids = (Array.isArray(children) ? children : [children]).map((child, index) => {
    const next = childOf(child);
    if (next === undefined) return undefined;
    const key = typeof next === "object" ? next.key : undefined;
    const found = key === undefined ? before[index] : keyed.get(key);
    const kid = found && !kept.has(found) && same(found.of, next) ? found : instance(host);
    kept.add(kid);
    update(kid, next);
    return kid;
  });
  for (const kid of before) {
    if (!kid || kept.has(kid)) continue;
    for (const node of kid.dom ? [kid.dom] : nodes(kid)) node.remove();
    leave(kid);
  }
}

function update(one: Instance, next: Element | string): void {
  const before = one.of;
  one.of = next;
  if (typeof next === "string") {
    one.dom ??= document.createTextNode(next);
    if (before !== undefined && before !== next) (one.dom as Text).data = next;
    return;
  }
  const { type, props } = next;
  if (typeof type !== "string") {
    call(one);
    return;
  }
  one.svg ||= type === "svg";
  one.dom ??= one.svg
    ? document.createElementNS("http://www.w3.org/2000/svg", type)
    : document.createElement(type);
  const dom = one.dom as globalThis.Element;
  const old = (before as Element | undefined)?.props ?? {};
  for (const name of Object.keys({ ...old, ...props })) set(dom, name, props[name], old[name]);
  reconcile(one, props.children);
  arrange(one);
  if (props.ref) props.ref.current = dom;
}

function set(dom: globalThis.Element, name: string, value: unknown, old: unknown): void {
  if (name === "children" || name === "ref") return;
  if (name === "value" || name === "checked") {
    // What the person typed since counts as what was there.
    const field = dom as unknown as Record<string, unknown>;
    if (field[name] !== value) field[name] = value ?? "";
  } else if (value === old) {
    return;
  } else if (name.startsWith("on")) {
    const type = name.slice(2).toLowerCase();
    const target = dom as Listening;
    target.heard ??= {};
    if (!target.heard[type]) target.addEventListener(type, hear);
    target.heard[type] = value as (event: Event) => void;
  } else if (value === undefined || value === null || (value === false && !name.includes("-"))) {
    dom.removeAttribute(name);
  } else {
    dom.setAttribute(name, value === true && !name.includes("-") ? "" : String(value));
  }
}

function hear(this: Listening, event: Event): void {
  this.heard?.[event.type]?.(event);
}

/** The nodes that stand for the kids of `host`, in their order. */
function nodes(host: Instance): NonNullable<Instance["dom"]>[] {
  return host.kids.flatMap((kid) => (kid ? (kid.dom ?? nodes(kid)) : []));
}

/** Puts the kids of an element in their places, and moves none that is there. */
function arrange(host: Instance): void {
  let after: ChildNode | null = null;
  for (const node of nodes(host).reverse()) {
    if (node.parentNode !== host.dom || node.nextSibling !== after) {
      (host.dom as globalThis.Element).insertBefore(node, after);
    }
    after = node;
  }
}

/** A component or an element is gone, with everything in it. */
function leave(one: Instance): void {
  one.gone = true;
  for (const kid of one.kids) if (kid) leave(kid);
  one.hooks.forEach(stop);
  const ref = typeof one.of === "object" ? one.of.props.ref : undefined;
  if (ref && ref.current === one.dom) ref.current = null;
}
