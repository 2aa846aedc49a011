import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = [
  '.github',
  'charts',
  'clients',
  'devstack',
  'docs',
  'k8s',
  'loadtest',
  'resilience-tests',
  'simulator',
  'verification',
];
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const pages = [
  ...readdirSync(ROOT),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  ),
].filter((path) => path.endsWith('.md') && !path.includes('node_modules'));

/** The anchor that GitHub generates for a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/`|\*|\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
const anchorsIn = (path: string) =>
  [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

test.each(pages)('every link of %s leads to an existing file and heading', (page) => {
  const text = read(page).replace(/```[\s\S]*?```/g, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)].map(([, link, image]) => link ?? image ?? '');
  for (const target of targets.filter((one) => !/^(https?|mailto):|^\.\.\/\.\.\/(issues|security)/.test(one))) {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
    expect.soft(existsSync(join(ROOT, file)), `${target} in ${page}`).toBe(true);
    if (anchor !== undefined && file.endsWith('.md'))
      expect.soft(anchorsIn(file), `${target} in ${page}`).toContain(anchor);
  }
});

describe('Decisions', () => {
  const decisions = pages.filter((page) => /^docs\/decisions\/\d/.test(page)).map((page) => page.slice(15));
  const index = read('docs/decisions/README.md');

  test.each(decisions)('%s has the standard header and sections', (name) => {
    const text = read(`docs/decisions/${name}`);
    expect(text).toMatch(new RegExp(`^# ${name.slice(0, 3)}: .+\n\n- Status: .+\n- Date: \\d{4}-\\d{2}-\\d{2}\n`));
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      'Context',
      'Decision',
      'Alternatives',
      'Consequences',
    ]);
  });

  test('are all in the index, with their titles, and no number is used twice', () => {
    const rows = [...index.matchAll(/^\| \[\d{3}\]\((.+?)\) \| (.+?) \|/gm)].map(([, name, title]) => [name, title]);
    const titles = decisions.map((name) => [name, /^# \d+: (.+)$/m.exec(read(`docs/decisions/${name}`))?.[1]]);
    expect(rows).toEqual(titles.sort());
    expect(new Set(decisions.map((name) => name.slice(0, 3))).size).toBe(decisions.length);
  });
});
