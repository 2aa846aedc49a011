/**
 * Finds the tools for checks and load tests. They are pinned in tools/go.mod, and Go builds them once, in its cache.
 * Without Go, the tools on the PATH are used. (kube-score is a separate module, because it needs older libraries than
 * the others.)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findProgram } from './packages.mjs';

export const ROOT = join(import.meta.dirname, '..', '..');

/** @type {Readonly<Record<'helm' | 'kubeconform' | 'kustomize' | 'kube-score' | 'k6', string>>} */
const MODULES = {
  helm: 'tools',
  kubeconform: 'tools',
  kustomize: 'tools',
  k6: 'tools',
  'kube-score': join('tools', 'policy'),
};
/** On two cores, the first build of a tool takes a minute or two. */
const BUILD_MS_MAX = 15 * 60_000;

/** @typedef {keyof typeof MODULES} Tool */

/**
 * @returns {boolean} whether Go is installed and can build what tools/go.mod requires (Go 1.21 and later download a
 * newer version if they need it)
 */
function goBuilds() {
  const go = findProgram('go');
  if (go === null) return false;
  const { status, stdout } = spawnSync(go, ['-C', join(ROOT, 'tools'), 'env', 'GOVERSION'], { encoding: 'utf8' });
  return status === 0 && /^go1\.(2[1-9]|[3-9]\d)/.test(stdout);
}

/** @type {Map<Tool, string | null>} */
const found = new Map();

/**
 * @param {Tool} name
 * @returns {string | null} its path; null if it is not available here
 */
export function findTool(name) {
  const known = found.get(name);
  if (known !== undefined) return known;
  let path = findProgram(name);
  if (goBuilds()) {
    // -n prints the path of the program, and builds it first.
    const args = ['-C', join(ROOT, MODULES[name]), 'tool', '-n', name];
    path = execFileSync('go', args, { encoding: 'utf8', timeout: BUILD_MS_MAX }).trim();
  }
  found.set(name, path);
  return path;
}

/** Builds all tools that are not built yet. */
export function buildTools() {
  for (const name of /** @type {Tool[]} */ (Object.keys(MODULES))) findTool(name);
}

/**
 * @param {Tool} name
 * @param {readonly string[]} args
 * @param {{ input?: string }} [options]
 * @returns {{ ok: boolean, stdout: string, stderr: string }}
 */
export function runTool(name, args, { input } = {}) {
  const path = findTool(name);
  if (path === null)
    throw new Error(`${name} is not available: install Go 1.21 or newer, which builds it, or ${name} itself`);
  const { status, stdout, stderr, error } = spawnSync(path, args, {
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error) throw error;
  return { ok: status === 0, stdout, stderr };
}
