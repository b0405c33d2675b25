/** Links and headings of a page. */

/** Where its links lead, as they are written; what stands in code is no link. */
export function linkTargets(text: string): readonly string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => String(target));
}

/** As forges make them of headings. */
export function anchorsOf(text: string): readonly string[] {
  return [...withoutCode(text).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
    String(heading)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** "https:", "mailto:": what lies elsewhere. */
export function hasScheme(target: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(target);
}

/** In their order; `language` is what stands behind the three ticks. */
export function codeBlocks(text: string): readonly { readonly language: string; readonly code: string }[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
    language: String(language),
    code: String(code),
  }));
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
}
