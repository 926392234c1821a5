/** Reads the shop's help texts: Markdown with a `title` in the front matter, one file a page. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { marked } from "marked";

/** @typedef {{slug: string, title: string, file: string, html: string}} HelpPage */

/** @param {string} folder @returns {Promise<HelpPage[]>} */
export async function helpPages(folder) {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".md")).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      const [, front, body] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? [];
      const title = /^title: (.+)$/m.exec(front ?? "")?.[1];
      if (!title || !body) throw new Error(`${file} has no front matter with a title`);
      const html = await marked.parse(body);
      return { slug: file.replace(/\.md$/, ""), title, file, html };
    }),
  );
}
