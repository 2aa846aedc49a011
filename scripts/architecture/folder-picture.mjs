/** Draws the folder graph: `node scripts/architecture/folder-picture.mjs --write` writes docs/images/folders.svg. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readWriteCommand } from '../../app/config/command-line.mjs';
import { folderGraph } from './folder-graph.mjs';

/** @typedef {import('./folder-graph.mjs').FolderGraph} FolderGraph */
/** @typedef {Map<string, Set<string>>} Arrows */

/** @type {Readonly<Record<string, string>>} */
const ABOUT = {
  'main.ts': 'starts a role',
  tools: 'commands for operators',
  roles: 'API pod, keeper, migrate',
  api: 'HTTP',
  shards: 'several ledgers as one',
  ledger: 'transfers in a pod',
  feed: 'events for listeners',
  authority: 'who may change balances',
  sync: 'journal to MySQL',
  jobs: 'reconciliation',
  redis: 'adapter, Lua scripts',
  mysql: 'adapter, migrations',
  journal: 'format, replay, recovery',
  domain: 'rules, money, ids',
  telemetry: 'metrics, logs, traces',
  config: 'settings',
  kernel: 'clock, retry, log type',
};

const BOX = { width: 168, height: 46, gapX: 22, gapY: 40 };
const MARGIN = 18;
const SWEEPS = 8;

/**
 * The arrows that are not implied by others, so that the picture stays readable.
 * @param {FolderGraph} graph
 * @returns {Arrows}
 */
export function withoutImplied(graph) {
  /** @type {(from: string, to: string, skipped: string) => boolean} */
  const reaches = (from, to, skipped) => {
    const seen = new Set([from]);
    const open = [...(graph.get(from)?.keys() ?? [])].filter((next) => next !== skipped);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === to) return true;
      if (next === from || seen.has(next)) continue;
      seen.add(next);
      open.push(...(graph.get(next)?.keys() ?? []));
    }
    return false;
  };
  const kept = [...graph].map(([from, arrows]) => {
    const targets = [...arrows.keys()].filter((to) => !reaches(from, to, to));
    return /** @type {const} */ ([from, new Set(targets)]);
  });
  return new Map(kept);
}

/**
 * Rows from the top: every folder is below all that import from it, except where two import from each other.
 * @param {FolderGraph} graph
 * @returns {string[][]}
 */
export function rowsOf(graph) {
  /** @type {Map<string, number>} */
  const row = new Map();
  /** @type {(folder: string, path: readonly string[]) => void} */
  const place = (folder, path) => {
    if (path.includes(folder) || (row.get(folder) ?? -1) >= path.length) return;
    row.set(folder, path.length);
    for (const to of graph.get(folder)?.keys() ?? []) place(to, [...path, folder]);
  };
  const imported = new Set([...graph.values()].flatMap((arrows) => [...arrows.keys()]));
  for (const folder of [...graph.keys()].sort()) if (!imported.has(folder)) place(folder, []);
  const rows = Array.from({ length: Math.max(...row.values()) + 1 }, (_, number) =>
    [...row].filter(([, at]) => at === number).map(([folder]) => folder),
  );
  return rows.map((folders) => folders.sort());
}

/**
 * Sorts each row by the average place of each folder's neighbors, a few times down and up, so that few arrows cross.
 * @param {string[][]} rows
 * @param {Arrows} arrows
 */
function untangle(rows, arrows) {
  /** @type {Map<string, number>} */
  const x = new Map();
  const update = () => {
    for (const folders of rows) {
      for (const [index, folder] of folders.entries()) x.set(folder, index - (folders.length - 1) / 2);
    }
  };
  update();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const folders of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      /** @param {string} folder */
      const middle = (folder) => {
        const above = [...arrows].filter(([, targets]) => targets.has(folder)).map(([from]) => from);
        const neighbors = [...above, ...(arrows.get(folder) ?? [])].map((name) => x.get(name) ?? 0);
        return neighbors.length === 0 ? 0 : neighbors.reduce((sum, value) => sum + value, 0) / neighbors.length;
      };
      const middles = new Map(folders.map((folder) => [folder, middle(folder)]));
      folders.sort((a, b) => (middles.get(a) ?? 0) - (middles.get(b) ?? 0) || (a < b ? -1 : 1));
      update();
    }
  }
}

/**
 * @param {FolderGraph} graph
 * @returns {string} an SVG that is readable on light and dark pages
 */
export function graphAsSvg(graph) {
  const arrows = withoutImplied(graph);
  const rows = rowsOf(graph);
  untangle(rows, arrows);
  const widest = Math.max(...rows.map((folders) => folders.length));
  const width = 2 * MARGIN + widest * (BOX.width + BOX.gapX) - BOX.gapX;
  const height = 2 * MARGIN + rows.length * (BOX.height + BOX.gapY) - BOX.gapY;
  /** @type {Map<string, { x: number, y: number }>} the middle of the upper edge */
  const at = new Map();
  for (const [number, folders] of rows.entries()) {
    for (const [index, folder] of folders.entries()) {
      const x = width / 2 + (index - (folders.length - 1) / 2) * (BOX.width + BOX.gapX);
      at.set(folder, { x, y: MARGIN + number * (BOX.height + BOX.gapY) });
    }
  }
  const lines = [...arrows].flatMap(([from, targets]) =>
    [...targets].sort().map((to) => line(at.get(from), at.get(to))),
  );
  const boxes = [...at].map(([folder, { x, y }]) => box(folder, x, y));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Folders of app/ and what they import from">
<style>
  text { font: 14px system-ui, sans-serif; text-anchor: middle; fill: #1f2328 }
  .about { font-size: 11px; fill: #59636e }
  rect { fill: #f6f8fa; stroke: #8c959f }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  path { fill: none; stroke: #8c959f; stroke-width: 1.2; marker-end: url(#tip) }
  #tip path { fill: #8c959f; stroke: none; marker-end: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .about { fill: #9198a1 }
    rect { fill: #21262d }
    .page { fill: #0d1117; stroke: #3d444d }
  }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
${lines.join('\n')}
${boxes.join('\n')}
</svg>
`;
}

/**
 * @param {{ x: number, y: number } | undefined} from
 * @param {{ x: number, y: number } | undefined} to
 */
function line(from, to) {
  if (from === undefined || to === undefined) return '';
  const [startY, endY] = [from.y + BOX.height, to.y];
  const bend = (endY - startY) / 2;
  return `<path d="M${from.x} ${startY} C${from.x} ${startY + bend} ${to.x} ${endY - bend} ${to.x} ${endY}"/>`;
}

/**
 * @param {string} folder
 * @param {number} x
 * @param {number} y
 */
function box(folder, x, y) {
  const about = ABOUT[folder] ?? '';
  return `<rect x="${x - BOX.width / 2}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/><text x="${x}" y="${y + 20}">${folder}</text><text class="about" x="${x}" y="${y + 36}">${about}</text>`;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const PICTURE = join(root, 'docs', 'images', 'folders.svg');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  readWriteCommand('node scripts/architecture/folder-picture.mjs', 'Draws the folders of app/ for ARCHITECTURE.md.');
  writeFileSync(PICTURE, graphAsSvg(folderGraph(root)));
}
