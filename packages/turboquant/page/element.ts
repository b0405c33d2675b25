/** The elements of index.html by what they are. */

/** Throws where the page has no such element: page and script are built together. */
export function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

/** Text stays text, whatever a file has in it. */
export function make<Name extends keyof HTMLElementTagNameMap>(name: Name, text = "", className = ""): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** `cells` of the first row are heads. */
export function fillTable(table: HTMLTableElement, rows: readonly (readonly string[])[]): void {
  const [heads = [], ...others] = rows;
  const head = make("tr");
  head.append(
    ...heads.map((text) => {
      const cell = make("th", text);
      cell.scope = "col";
      return cell;
    }),
  );
  const bodies = others.map((cells) => {
    const row = make("tr");
    row.append(...cells.map((text) => make("td", text)));
    return row;
  });
  table.replaceChildren(head, ...bodies);
}

/** Lets the page draw and listen before work goes on. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
