/**
 * The actual layers of app/, including tests and type imports, to be compared with the list in .dependency-cruiser.cjs.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** @typedef {Readonly<Record<string, readonly string[]>>} Layers by folder, the folders that it may import */

/** @returns {Layers} the allow-list */
export function allowedLayers() {
  return createRequire(import.meta.url)('../../.dependency-cruiser.cjs').LAYERS;
}

/**
 * @param {string} root
 * @returns {Map<string, Set<string>>} by folder, the folders that it imports
 */
export function importedLayers(root) {
  const program = join(root, 'node_modules', '.bin', 'depcruise');
  const args = ['app', 'devstack', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  const output = execFileSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });
  const { modules } = /** @type {{ modules: { source: string, dependencies: { resolved: string }[] }[] }} */ (
    JSON.parse(output)
  );
  /** @type {Map<string, Set<string>>} */
  const arrows = new Map();
  for (const { source, dependencies } of modules) {
    const from = layerOf(source);
    if (from === null) continue;
    const targets = arrows.get(from) ?? new Set();
    arrows.set(from, targets);
    for (const { resolved } of dependencies) {
      const to = layerOf(resolved);
      if (to !== null && to !== from) targets.add(to);
    }
  }
  return arrows;
}

/**
 * @param {string} file
 * @returns {string | null} the folder that it belongs to, by its name in the allow-list; null outside of app/ and devstack/
 */
export function layerOf(file) {
  if (file.startsWith('devstack/')) return 'devstack';
  if (!file.startsWith('app/')) return null;
  const folder = dirname(file.slice('app/'.length));
  if (folder === '.') return 'main';
  if (folder === 'integration' || folder.startsWith('integration/')) return 'integration';
  return folder.replace(/\/(testing|tests)$/, '');
}
