/**
 * Generates the table of values in the chart's README from the comments of values.yaml.
 *
 *   node scripts/chart/values-table.mjs --write
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, parseDocument } from 'yaml';
import { readWriteCommand } from '../../app/config/command-line.mjs';
import { CHART } from './render.mjs';

const README = join(CHART, 'README.md');
const MARKED = /(<!-- values -->\n)[\s\S]*?(<!-- end of values -->)/;

/** @typedef {{ path: string, fallback: string, meaning: string }} Row */

/** @param {unknown} comment @returns {string | null} the text after `--` */
function meaningOf(comment) {
  const line =
    typeof comment === 'string' ? comment.split('\n').findLast((text) => text.startsWith(' -- ')) : undefined;
  return line === undefined ? null : line.slice(4).trim();
}

/**
 * A map whose keys have comments of their own becomes a heading, any other value a row.
 * @param {import('yaml').YAMLMap} map
 * @param {string} prefix
 * @param {string | null} first the comment of a map's first key; the YAML parser attaches it to the map
 * @returns {Row[]}
 */
function rowsOf(map, prefix, first = null) {
  return map.items.flatMap((pair, index) => {
    if (!isScalar(pair.key)) throw new Error(`a key under ${prefix} is not a string`);
    const path = `${prefix}${pair.key.value}`;
    const meaning = meaningOf(pair.key.commentBefore) ?? (index === 0 ? first : null);
    if (meaning === null) throw new Error(`values.yaml has no comment (# -- …) for ${path}`);
    const { value } = pair;
    if (isMap(value) && isTold(value)) {
      return [{ path, fallback: '', meaning }, ...rowsOf(value, `${path}.`, meaningOf(value.commentBefore))];
    }
    const fallback = isScalar(value) ? value.toJSON() : /** @type {any} */ (value)?.toJSON();
    return [{ path, fallback: JSON.stringify(fallback), meaning }];
  });
}

/** @param {import('yaml').YAMLMap} map */
const isTold = (map) =>
  meaningOf(map.commentBefore) !== null ||
  map.items.some(({ key }) => isScalar(key) && meaningOf(key.commentBefore) !== null);

/** @returns {string} */
export function valuesTable() {
  const { contents } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  if (!isMap(contents)) throw new Error('values.yaml is not a map');
  const rows = rowsOf(contents, '', meaningOf(contents.commentBefore)).map(({ path, fallback, meaning }) =>
    fallback === '' ? `| **\`${path}\`** | | ${meaning} |` : `| \`${path}\` | \`${fallback}\` | ${meaning} |`,
  );
  return ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** @param {string} page @returns {string} the page with its table replaced */
export function withValuesTable(page) {
  if (!MARKED.test(page)) throw new Error('README.md of the chart does not contain the markers around its table');
  return page.replace(MARKED, (_, begin, end) => `${begin}${valuesTable()}\n${end}`);
}

if (process.argv[1] === import.meta.filename) {
  readWriteCommand('node scripts/chart/values-table.mjs', "Generates the table of values in the chart's README.");
  writeFileSync(README, withValuesTable(readFileSync(README, 'utf8')));
}
