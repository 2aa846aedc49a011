/** The HTML around the content of a page. Addresses are relative, so the guide works under any path, and as static files. */

/** @param {string} text */
export const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * @param {{ page: import('./pages.mjs').Page, sections: readonly import('./pages.mjs').Section[], html: string }} content
 */
export function layout({ page, sections, html }) {
  const menu = sections
    .map(
      ({ title, pages }) =>
        `<h2>${escaped(title)}</h2>\n<ul>\n${pages
          .map(({ name, title: text }) => {
            const current = name === page.name ? ' aria-current="page"' : '';
            return `<li><a href="${name}"${current}>${escaped(text)}</a></li>`;
          })
          .join('\n')}\n</ul>`,
    )
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)} · Holdfast</title>
<link rel="stylesheet" href="guide.css">
<script src="guide.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="home" href="index.html">Holdfast</a>
<form role="search" id="search" hidden>
<label for="query">Search</label>
<input id="query" type="search" autocomplete="off" placeholder="Search the guide" aria-controls="results">
</form>
<ul id="results" aria-live="polite" hidden></ul>
</header>
<nav aria-label="Pages">
${menu}
</nav>
<main id="content">
${html}
</main>
</body>
</html>
`;
}
