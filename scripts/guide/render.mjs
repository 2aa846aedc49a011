/** Renders one page of Markdown for the guide: HTML without inline scripts and styles, and its text for the search. */
import { readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import MarkdownIt from 'markdown-it';

/** @typedef {{ id: string, title: string, text: string }} Part a heading, and what follows it */
/** @typedef {{ html: string, parts: Part[], images: string[] }} Rendered */

/** The anchor that GitHub generates, so that links work in both places. @param {string} heading */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const TABS = /^<!-- tabs -->\n([\s\S]*?)^<!-- \/tabs -->$/gm;
const PLACE = /<div class="tabs">(\d+)<\/div>/g;
const TAB = /^- \[([^\]]+)\]\(([^)]+)\)$/gm;

/**
 * Replaces a list of links to programs with tabs that show the programs. The Markdown gets only a placeholder for the
 * tabs, because in Markdown a block of HTML ends at the first empty line.
 * @param {string} markdown @param {string} folder @param {string} root
 */
function withTabs(markdown, folder, root) {
  /** @type {string[]} */
  const tabs = [];
  const text = markdown.replace(TABS, (_, list) => {
    const panels = [...String(list).matchAll(TAB)].map(([, title = '', target = '']) => {
      const code = readFileSync(join(root, posix.join(folder, target)), 'utf8');
      return `<section data-tab="${escaped(title)}"><h4>${escaped(title)}</h4><pre><code>${escaped(code)}</code></pre></section>`;
    });
    return `<div class="tabs">${tabs.push(panels.join('')) - 1}</div>\n`;
  });
  return {
    text,
    fill: (/** @type {string} */ html) => html.replace(PLACE, (_, index) => `<div class="tabs">${tabs[index]}</div>`),
  };
}

/**
 * @param {{ root: string, file: string, nameOf: (file: string) => string | undefined }} page `nameOf` returns the page of
 * the guide that shows a file of the repository
 * @returns {Rendered}
 */
export function renderPage({ root, file, nameOf }) {
  const folder = posix.dirname(file);
  /** @type {Part[]} */
  const parts = [];
  /** @type {string[]} */
  const images = [];
  /** @param {string} source */
  const imageName = (source) => {
    images.push(posix.join(folder, source));
    return basename(source);
  };
  const markdown = new MarkdownIt({ html: true });
  const { rules } = markdown.renderer;

  /**
   * Links to other files of the repository do not work in the guide, so only their text is kept. @param {string} href
   */
  const target = (href) => {
    if (/^([a-z]+:|#)/.test(href)) return href;
    const [path = '', anchor] = href.split('#');
    const name = nameOf(posix.join(folder, path)) ?? nameOf(posix.join(folder, path, 'README.md'));
    return name === undefined ? null : anchor === undefined ? name : `${name}#${anchor}`;
  };
  let opened = false;
  rules['link_open'] = (tokens, index, options, _env, self) => {
    const href = target(String(tokens[index]?.attrGet('href') ?? ''));
    opened = href !== null;
    if (href === null) return '<span class="source">';
    tokens[index]?.attrSet('href', href);
    return self.renderToken(tokens, index, options);
  };
  rules['link_close'] = () => (opened ? '</a>' : '</span>');
  const image = rules['image'];
  rules['image'] = (tokens, index, options, env, self) => {
    tokens[index]?.attrSet('src', imageName(String(tokens[index]?.attrGet('src') ?? '')));
    return image ? image(tokens, index, options, env, self) : self.renderToken(tokens, index, options);
  };
  // Alignment is a style attribute, which the content security policy of the guide does not allow.
  for (const cell of ['th_open', 'td_open'])
    rules[cell] = (tokens, index, options, _env, self) => {
      const token = tokens[index];
      if (token?.attrGet('style')?.toString().includes('right')) token.attrs = [['class', 'right']];
      else if (token) token.attrs = [];
      return self.renderToken(tokens, index, options);
    };
  const { text, fill } = withTabs(readFileSync(join(root, file), 'utf8'), folder, root);
  const tokens = markdown.parse(text, {});
  const used = new Map();
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const title = (tokens[index + 1]?.children ?? []).map(({ content }) => content).join('');
      const anchor = anchorOf(title);
      const times = used.get(anchor) ?? 0;
      used.set(anchor, times + 1);
      const id = times === 0 ? anchor : `${anchor}-${times}`;
      token.attrSet('id', id);
      parts.push({ id, title, text: '' });
    }
    const last = parts.at(-1);
    if (last && (token.type === 'inline' || token.type === 'fence' || token.type === 'html_block')) {
      last.text += ` ${token.content.replace(/<[^>]*>/g, ' ')}`;
    }
  }
  const html = markdown.renderer
    .render(tokens, markdown.options, {})
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/(<img [^>]*src=")(?!https?:)([^"/]*\/[^"]*)"/g, (_, before, source) => `${before}${imageName(source)}"`);
  return { html: fill(html), parts, images };
}
