/**
 * As much of a browser's document as the status page's script uses. Whatever would make HTML, style or behaviour of a string
 * is not there: setting it throws, and the page's script with it.
 */

export interface TestElement {
  readonly tag: string;
  readonly children: readonly TestElement[];
  className: string;
  hidden: boolean;
  title: string;
  value: number;
  textContent: string;
  readonly dataset: Record<string, string>;
}

export interface TestDocument {
  readonly document: object;
  readonly body: TestElement;
  title(): string;
  element(id: string): TestElement;
  /** Tags made by the script, each once. */
  readonly made: ReadonlySet<string>;
}

const SETTABLE = ["className", "hidden", "title", "value", "textContent"];

/** A document with the elements of `html` that carry an id. */
export function createTestDocument(html: string): TestDocument {
  const made = new Set<string>();
  const body = createElement("body");
  const byId = new Map([...html.matchAll(/<(\w+)[^>]*? id="([^"]+)"/g)].map(([, tag = "", id = ""]) => [id, createElement(tag)]));
  const page = {
    body,
    title: "",
    hidden: false,
    getElementById: (id: string) => byId.get(id) ?? null,
    createElement: (tag: string) => {
      made.add(tag);
      return createElement(tag);
    },
    addEventListener: () => {},
  };
  return {
    document: page,
    body,
    made,
    title: () => page.title,
    element: (id) => {
      const found = byId.get(id);
      if (found === undefined) throw new Error(`the page has no element "${id}"`);
      return found;
    },
  };
}

function createElement(tag: string): TestElement {
  let parent: TestElement[] | undefined;
  const children: TestElement[] = [];
  const take = (child: TestElement & { enter?(list: TestElement[], at: number): void }, at: number): void => child.enter?.(children, at);
  let text = "";
  const leave = (): void => void parent?.splice(parent.indexOf(self), 1);
  const plain = {
    tag,
    children,
    className: "",
    hidden: false,
    title: "",
    value: 0,
    dataset: {},
    get textContent(): string {
      return children.length === 0 ? text : children.map((child) => child.textContent).join("");
    },
    set textContent(value: string) {
      children.length = 0;
      text = value;
    },
    get lastChild(): TestElement | undefined {
      return children.at(-1);
    },
    append: (...added: readonly TestElement[]) => {
      for (const child of added) take(child, children.length);
    },
    insertBefore: (child: TestElement, before: TestElement | null) => {
      take(child, before === null ? children.length : children.indexOf(before));
    },
    replaceChildren: (...added: readonly TestElement[]) => {
      children.length = 0;
      for (const child of added) take(child, children.length);
    },
    remove: leave,
    enter: (list: TestElement[], at: number) => {
      leave();
      parent = list;
      list.splice(at, 0, self);
    },
  };
  const self: TestElement = new Proxy(plain, {
    set: (target, name, value) => {
      if (!SETTABLE.includes(String(name))) throw new Error(`${tag}.${String(name)} must not be set`);
      return Reflect.set(target, name, value);
    },
    get: (target, name) => {
      if (name in target) return Reflect.get(target, name);
      throw new Error(`${tag}.${String(name)} must not be used`);
    },
  });
  return self;
}
