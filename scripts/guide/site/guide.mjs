/**
 * The script of the guide: search, and tabs. Without it, the pages are still complete, and the contents of tabs are
 * shown one below the other.
 */
import MiniSearch from 'minisearch';
import { SEARCH } from './search.mjs';

const RESULTS_MAX = 12;
const TAB = 'holdfast-guide-tab';

/** @param {Element} group */
function makeTabs(group) {
  const panels = /** @type {HTMLElement[]} */ ([...group.querySelectorAll('section[data-tab]')]);
  const list = document.createElement('div');
  list.setAttribute('role', 'tablist');
  for (const panel of panels) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = panel.dataset['tab'] ?? '';
    button.setAttribute('role', 'tab');
    button.addEventListener('click', () => choose(button.textContent ?? ''));
    panel.querySelector('h4')?.remove();
    panel.setAttribute('role', 'tabpanel');
    list.append(button);
  }
  group.prepend(list);
}

/** The choice applies to all tabs of all pages. @param {string} name */
function choose(name) {
  try {
    localStorage.setItem(TAB, name);
  } catch {
    // Storage is turned off, so the choice applies only to this page.
  }
  show(name);
}

/** @param {string | null} wanted */
function show(wanted) {
  for (const group of document.querySelectorAll('.tabs')) {
    const panels = /** @type {HTMLElement[]} */ ([...group.querySelectorAll('section[data-tab]')]);
    const names = panels.map(({ dataset }) => dataset['tab']);
    const name = wanted !== null && names.includes(wanted) ? wanted : names[0];
    for (const panel of panels) panel.hidden = panel.dataset['tab'] !== name;
    for (const button of group.querySelectorAll('[role=tab]'))
      button.setAttribute('aria-selected', String(button.textContent === name));
  }
}

/** @type {Promise<MiniSearch> | null} */
let index = null;
async function load() {
  const answer = await fetch('search.json');
  if (!answer.ok) throw new Error(`search.json: ${answer.status}`);
  return MiniSearch.loadJSON(await answer.text(), SEARCH);
}

/** @param {HTMLInputElement} input @param {HTMLElement} list */
async function search(input, list) {
  const query = input.value.trim();
  index ??= load();
  try {
    const found = query === '' ? [] : (await index).search(query).slice(0, RESULTS_MAX);
    if (input.value.trim() !== query) return;
    list.replaceChildren(
      ...found.map(({ id, title, page }) => {
        const link = document.createElement('a');
        link.href = id;
        link.textContent = title === page ? title : `${page}: ${title}`;
        const item = document.createElement('li');
        item.append(link);
        return item;
      }),
    );
    if (query !== '' && found.length === 0) list.textContent = 'Nothing found.';
  } catch {
    index = null;
    list.textContent = 'The search is unavailable.';
  }
  list.hidden = query === '';
}

for (const group of document.querySelectorAll('.tabs')) makeTabs(group);
let stored = null;
try {
  stored = localStorage.getItem(TAB);
} catch {
  // As above.
}
show(stored);

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('#search'));
const input = /** @type {HTMLInputElement | null} */ (document.querySelector('#query'));
const results = /** @type {HTMLElement | null} */ (document.querySelector('#results'));
if (form && input && results) {
  form.hidden = false;
  input.addEventListener('input', () => search(input, results));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    results.querySelector('a')?.click();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') results.hidden = true;
    if (event.key === '/' && document.activeElement === document.body) {
      event.preventDefault();
      input.focus();
    }
  });
}
