/**
 * A page as it lies in a package and is shown by npm, where there is no repository around it: a link that would lead out of the package becomes its words, with the path at which
 * whoever has the repository finds it.
 */
import { posix } from "node:path";
import { hasScheme } from "./markdown.ts";

interface Published {
  /** The page, from the root of the repository. */
  readonly page: string;
  /** What is in the package, by where it is in the repository. */
  readonly packed: ReadonlyMap<string, string>;
}

/** What begins with a tick or three is code, in which nothing is a link. */
const CODE_OR_LINK = /^```[\s\S]*?^```$|`[^`\n]*`|!?\[([^\]]*)\]\(([^)\s]+)\)/gm;

export function publishedPage(text: string, { page, packed }: Published): string {
  return text.replace(CODE_OR_LINK, (whole: string, words: string | undefined, target: string | undefined) => {
    if (words === undefined || target === undefined || hasScheme(target) || target.startsWith("#")) return whole;
    const [file = "", anchor] = target.split("#");
    const path = posix.join(posix.dirname(page), decodeURI(file));
    const inPackage = packed.get(path);
    if (inPackage !== undefined) return `[${words}](${inPackage}${anchor === undefined ? "" : `#${anchor}`})`;
    const plain = words.replaceAll("`", "");
    return path.startsWith(plain) ? `\`${path}\` (in the repository)` : `${words} (\`${path}\` in the repository)`;
  });
}
