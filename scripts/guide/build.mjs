/**
 * `npm run guide`: builds the guide, a site of static pages, from the Markdown files of this repository. Pods serve it at
 * `/guide`; it can also be published as it is.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import MiniSearch from 'minisearch';
import { readCommandLine, text } from '../../app/config/command-line.mjs';
import { layout } from './layout.mjs';
import { pagesOf } from './pages.mjs';
import { renderPage } from './render.mjs';
import { SEARCH } from './site/search.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const SITE = join(import.meta.dirname, 'site');
const KIB = 1024;

/**
 * @param {string} root
 * @param {string} folder is emptied first
 */
export async function buildGuide(root, folder) {
  const { sections, others } = pagesOf(root);
  const pages = [...sections.flatMap((section) => section.pages), ...others];
  const names = new Map(pages.map(({ file, name }) => [file, name]));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const search = new MiniSearch(SEARCH);
  for (const page of pages) {
    const { html, parts, images } = renderPage({ root, file: page.file, nameOf: (file) => names.get(file) });
    writeFileSync(join(folder, page.name), layout({ page, sections, html }));
    for (const image of images) copyFileSync(join(root, image), join(folder, basename(image)));
    search.addAll(
      parts.map(({ id, title, text: content }) => ({ id: `${page.name}#${id}`, title, page: page.title, content })),
    );
  }
  writeFileSync(join(folder, 'search.json'), JSON.stringify(search));
  copyFileSync(join(SITE, 'guide.css'), join(folder, 'guide.css'));
  const entryPoints = [join(SITE, 'guide.mjs')];
  await build({ entryPoints, outfile: join(folder, 'guide.js'), bundle: true, minify: true, target: 'es2022' });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = readCommandLine({
    name: 'npm run guide --',
    about: 'Builds the guide, a site of static pages, from the Markdown files of this repository.',
    options: { output: text('FOLDER', 'where to write it; its content is replaced (dist/guide)') },
  });
  const folder = values.output ?? join(ROOT, 'dist', 'guide');
  await buildGuide(ROOT, folder);
  const files = readdirSync(folder);
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  console.log(`${files.length} files, ${Math.round(bytes / KIB)} KiB, in ${folder}`);
}
