/** The pages of the guide, and where they are in its menu. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ file: string, name: string, title: string }} Page `file` in the repository, and `name` in the guide */
/** @typedef {{ title: string, pages: readonly Page[] }} Section */

/** Files without `docs/` and `.md`, or complete paths. Pages that do not exist in this release are left out. */
const SECTIONS = [
  {
    title: 'Tutorials',
    files: [
      'guide/first-transfer',
      'guide/card-payment',
      'guide/payroll',
      'guide/reading-history',
      'webhooks',
      'guide/going-to-production',
    ],
  },
  {
    title: 'How to',
    files: [
      'import',
      'holds-limits-groups',
      'search',
      'audit',
      'clients/typescript/README.md',
      'clients/cli/README.md',
      'clients/generated/README.md',
      'deployment',
      'operation',
      'console',
      'runbook',
      'stores',
      'shards',
      'mock-data',
      'charts/holdfast/README.md',
      'k8s/README.md',
      'loadtest/README.md',
    ],
  },
  { title: 'Reference', files: ['api', 'configuration', 'observability', 'glossary', 'CHANGELOG.md', 'SECURITY.md'] },
  { title: 'Explanation', files: ['performance', 'sizing', 'ARCHITECTURE.md', 'docs/decisions/README.md'] },
];
const HOME = 'docs/guide/README.md';

/** @param {string} file */
const pathOf = (file) => (file.endsWith('.md') ? file : `docs/${file}.md`);

/** `clients/cli/README.md` → `clients-cli.html` @param {string} file */
function nameOf(file) {
  if (file === HOME) return 'index.html';
  const base = file.replace(/^docs\/(guide\/)?/, '').replace(/(\/README)?\.md$/, '');
  return `${base.replaceAll('/', '-').toLowerCase()}.html`;
}

/** @param {string} root @param {string} file @returns {Page} */
function pageOf(root, file) {
  const [, title = file] = /^# (.+)$/m.exec(readFileSync(join(root, file), 'utf8')) ?? [];
  return { file, name: nameOf(file), title: title.replaceAll('`', '') };
}

/** @param {string} root @returns {{ sections: readonly Section[], others: readonly Page[] }} `others` are not in the menu */
export function pagesOf(root) {
  const sections = SECTIONS.map(({ title, files }) => ({
    title,
    pages: files
      .map(pathOf)
      .filter((file) => existsSync(join(root, file)))
      .map((file) => pageOf(root, file)),
  }));
  const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d.*\.md$/.test(name));
  const others = [HOME, ...decisions.sort().map((name) => `docs/decisions/${name}`)];
  return { sections, others: others.map((file) => pageOf(root, file)) };
}
