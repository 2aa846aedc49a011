/** Checks that all files name the same version, and extracts its release notes (docs/releasing.md). */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readCommandLine, text } from '../app/config/command-line.mjs';

/**
 * @param {string} changelog
 * @param {string} version
 * @returns {string | null} the section of the version; null if the changelog has none with a date
 */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((each) => each.startsWith(`[${version}] - `));
  if (section === undefined || !/^\S+ - \d{4}-\d{2}-\d{2}$/m.test(section.split('\n', 1)[0] ?? '')) return null;
  return section.slice(section.indexOf('\n')).trim();
}

/**
 * @param {string} tag
 * @param {{ packageJson: string, chart: string, changelog: string }} files their contents
 * @returns {string[]} what does not match the tag
 */
export function mismatches(tag, { packageJson, chart, changelog }) {
  const version = tag.replace(/^v/, '');
  const found = {
    'package.json': JSON.parse(packageJson).version,
    'Chart.yaml, version': /^version: "?([^"\n]+)"?$/m.exec(chart)?.[1],
    'Chart.yaml, appVersion': /^appVersion: "?([^"\n]+)"?$/m.exec(chart)?.[1],
  };
  const wrong = Object.entries(found)
    .filter(([, value]) => value !== version)
    .map(([where, value]) => `${where} has ${value}, but the tag is ${tag}`);
  if (!/^v\d+\.\d+\.\d+(-[\w.]+)?$/.test(tag)) wrong.push(`${tag} is not a tag such as v1.2.3`);
  if (!notesOf(changelog, version)) wrong.push(`CHANGELOG.md has no section "## [${version}] - YYYY-MM-DD" with text`);
  return wrong;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = readCommandLine({
    name: 'node scripts/release.mjs',
    about:
      'Checks that package.json, the chart and CHANGELOG.md name the same version, and writes its release notes. Publishes nothing.',
    options: {
      tag: text('TAG', 'compare with this tag, such as v1.2.3 (the version of package.json)'),
      notes: text('FILE', 'write the section of the changelog to this file'),
    },
  });
  /** @param {string} path */
  const read = (path) => readFileSync(join(root, path), 'utf8');
  const packageJson = read('package.json');
  const changelog = read('CHANGELOG.md');
  const tag = values.tag ?? `v${JSON.parse(packageJson).version}`;
  const wrong = mismatches(tag, { packageJson, chart: read('charts/holdfast/Chart.yaml'), changelog });
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) process.exit(1);
  if (values.notes !== undefined) writeFileSync(values.notes, `${notesOf(changelog, tag.slice(1))}\n`);
  console.log(`${tag}: package, chart and changelog agree.`);
}
