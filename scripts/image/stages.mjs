/**
 * Runs the Dockerfile's stages without a container engine: each in a folder, with its COPYs and RUNs. The result is the
 * file system of the image, with the Node.js of this machine instead of the base image's.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { packagesMatch } from '../../devstack/install/packages.mjs';
import { readJson } from '../../devstack/system/folder.mjs';
import { parseDockerfile, parseIgnore } from './dockerfile.mjs';

/** A build takes half a minute, but many times as long on a busy machine. */
const RUN_MS_MAX = 1_200_000;

/**
 * @param {{ root: string, folder: string }} options
 * @returns {{ image: string, stage: import('./dockerfile.mjs').Stage }} the folder with the image's files, and the
 * stage that defines how to run it
 */
export function buildStages({ root, folder }) {
  const { stages } = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  const ignored = parseIgnore(readFileSync(join(root, '.dockerignore'), 'utf8'));
  for (const [i, { name, instructions }] of stages.entries()) {
    const place = join(folder, name || String(i));
    let workdir = place;
    mkdirSync(place);
    for (const { name: instruction, rest } of instructions) {
      if (instruction === 'WORKDIR') {
        workdir = join(place, rest);
        mkdirSync(workdir, { recursive: true });
      } else if (instruction === 'COPY') {
        copy(rest, { place, workdir, root, folder, ignored });
      } else if (instruction === 'RUN' && !isInstalled(rest, { root, workdir })) {
        execFileSync('sh', ['-euc', rest], {
          cwd: workdir,
          stdio: ['ignore', 'ignore', 'inherit'],
          timeout: RUN_MS_MAX,
        });
      }
    }
  }
  const stage = stages.at(-1);
  if (stage === undefined) throw new Error('The Dockerfile has no stage.');
  return { image: join(folder, stage.name || String(stages.length - 1)), stage };
}

/**
 * @param {string} rest
 * @param {{ place: string, workdir: string, root: string, folder: string, ignored: (path: string) => boolean }} where
 */
function copy(rest, { place, workdir, root, folder, ignored }) {
  const words = rest.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = words.pop() ?? '';
  const to = target.startsWith('/') ? join(place, target) : join(workdir, target);
  for (const word of words) {
    const source = join(from === undefined ? root : join(folder, from), word);
    // COPY copies the content of a folder; it copies a file into a folder under the file's name.
    const into = statSync(source).isFile() && target.endsWith('/');
    cpSync(source, into ? join(to, basename(word)) : to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => from !== undefined || !ignored(relative(root, path)),
    });
  }
}

/**
 * The development packages take half a gigabyte: if the installed packages of the checkout match its lock file, they
 * are not downloaded again.
 * @param {string} command
 * @param {{ root: string, workdir: string }} where
 */
function isInstalled(command, { root, workdir }) {
  const here = join(root, 'node_modules');
  if (!/^npm ci --include=dev\b[^&;|]*$/.test(command) || !existsSync(here)) return false;
  if (!packagesMatch(readJson(join(root, 'package-lock.json')), readJson(join(here, '.package-lock.json'))))
    return false;
  symlinkSync(here, join(workdir, 'node_modules'));
  return true;
}
