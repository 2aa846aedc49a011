/** The imports between the folders of app/, as reported by dependency-cruiser, without tests. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const TEST = /\.test\.ts$|\/(testing|tests)\/|^app\/integration\//;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** @typedef {ReadonlyMap<string, ReadonlyMap<string, number>>} FolderGraph by folder, the folders it imports from, with the number of imports */

/**
 * @param {string} root
 * @returns {FolderGraph}
 */
export function folderGraph(root) {
  const program = join(root, 'node_modules', '.bin', 'depcruise');
  const args = ['app', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  let output;
  try {
    output = execFileSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });
  } catch (error) {
    // dependency-cruiser prints the graph even if it reports violations by its exit code.
    output = /** @type {{ stdout?: string }} */ (error).stdout ?? '';
  }
  return graphOf(JSON.parse(output).modules);
}

/**
 * @param {readonly { source: string, dependencies: readonly { resolved: string }[] }[]} modules
 * @returns {FolderGraph}
 */
export function graphOf(modules) {
  /** @type {Map<string, Map<string, number>>} */
  const graph = new Map();
  for (const { source, dependencies } of modules) {
    const from = folderOf(source);
    if (from === null || TEST.test(source)) continue;
    const arrows = graph.get(from) ?? new Map();
    graph.set(from, arrows);
    for (const { resolved } of dependencies) {
      const to = folderOf(resolved);
      if (to !== null && to !== from) arrows.set(to, (arrows.get(to) ?? 0) + 1);
    }
  }
  return graph;
}

/**
 * @param {string} path
 * @returns {string | null} the folder below app/, or `main.ts`; null outside of app/
 */
function folderOf(path) {
  return /^app\/([^/]+)/.exec(path)?.[1] ?? null;
}

/**
 * @param {FolderGraph} graph
 * @returns {string} one line per folder; `⇄` marks two folders that import from each other
 */
export function graphAsText(graph) {
  const count = [...graph.values()].reduce((sum, arrows) => sum + arrows.size, 0);
  const lines = [...graph].sort(byName).map(([from, arrows]) => {
    const targets = [...arrows].sort(byName).map(([to, imports]) => {
      const mark = graph.get(to)?.has(from) ? '⇄ ' : '';
      return `${mark}${to} (${imports})`;
    });
    return `  ${from.padEnd(10)} → ${targets.join(', ') || 'nothing'}`;
  });
  return `The folders of app/ and what they import from (number of imports), ${count} arrows:\n${lines.join('\n')}`;
}

/**
 * @param {readonly [string, unknown]} a
 * @param {readonly [string, unknown]} b
 */
function byName([a], [b]) {
  return a < b ? -1 : 1;
}
