import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findTool } from '../../install/go-tools.mjs';
import { installPrograms, requireProgram } from '../../install/packages.mjs';
import { print, UserError } from '../../system/console.mjs';
import { build, buildExternalSecrets } from '../build.ts';
import { BIN, FOLDER, IMAGES, LOGS } from '../settings.ts';
import { type ImageConfig, writeArchive } from './archive.ts';

/** Builds images that contain a single program and the libraries that it is linked against. */

interface ProgramImage {
  /** Builds or finds the program. @returns its path */
  program: () => string | Promise<string>;
  tag: string;
  config: ImageConfig;
}

const built = (name: string) => () => join(BIN, name);

/** Images that the cluster itself needs. */
const SYSTEM: Readonly<Record<string, ProgramImage>> = {
  pause: {
    program: built('pause'),
    tag: 'registry.k8s.io/pause:3.10',
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
  },
  coredns: {
    program: built('coredns'),
    tag: 'registry.k8s.io/coredns/coredns:v1.13.1',
    config: { Entrypoint: ['/coredns'], WorkingDir: '/' },
  },
  'metrics-server': {
    program: built('metrics-server'),
    tag: 'registry.k8s.io/metrics-server/metrics-server:v0.8.0',
    config: { Entrypoint: ['/metrics-server'] },
  },
};

/** For tests on the cluster. */
const TESTING: Readonly<Record<string, ProgramImage>> = {
  k6: {
    program() {
      const path = findTool('k6');
      if (path === null) throw new UserError('k6 is missing: install Go 1.21 or newer, which builds it.');
      return path;
    },
    tag: 'docker.io/library/holdfast-k6:pinned',
    config: { Entrypoint: ['/k6'], User: '12345:12345', WorkingDir: '/tmp' },
  },
  prometheus: {
    async program() {
      await installPrograms(['prometheus'], { logFile: join(LOGS, 'apt.log') });
      return requireProgram('prometheus');
    },
    tag: 'docker.io/library/holdfast-prometheus:debian',
    config: { Entrypoint: ['/prometheus'], User: '65534:65534' },
  },
  'prometheus-adapter': {
    async program() {
      await build(['prometheus-adapter']);
      return join(BIN, 'prometheus-adapter');
    },
    tag: 'registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0',
    config: { Entrypoint: ['/prometheus-adapter'], User: '65534:65534' },
  },
  'external-secrets': {
    async program() {
      await buildExternalSecrets();
      return join(BIN, 'external-secrets');
    },
    tag: 'docker.io/library/holdfast-external-secrets:pinned',
    config: { Entrypoint: ['/external-secrets'], User: '65534:65534' },
  },
};

export const systemImages = (): Promise<string[]> => makeAll(SYSTEM);
export const testingImages = (names: readonly string[]): Promise<string[]> =>
  makeAll(Object.fromEntries(Object.entries(TESTING).filter(([name]) => names.includes(name))));

/** @returns the archives. An archive that is newer than its program is not rebuilt */
async function makeAll(images: Readonly<Record<string, ProgramImage>>): Promise<string[]> {
  mkdirSync(IMAGES, { recursive: true });
  const archives: string[] = [];
  for (const [name, { program, tag, config }] of Object.entries(images)) {
    const archive = join(IMAGES, `${name}.tar`);
    archives.push(archive);
    const path = realpathSync(await program());
    if (existsSync(archive) && statSync(archive).mtimeMs > statSync(path).mtimeMs) continue;
    print(`Packing the image ${tag} …`);
    const folder = mkdtempSync(join(FOLDER, '.image-'));
    try {
      copyFileSync(path, join(folder, name));
      copyLibraries(path, folder);
      mkdirSync(join(folder, 'tmp'), { mode: 0o1777 });
      await writeArchive(archive, { folder, tags: [tag], config });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return archives;
}

/** Copies the libraries that a program is linked against. A static program has none. */
function copyLibraries(program: string, folder: string): void {
  const { stdout, status } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (status !== 0) return;
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    const to = join(folder, dirname(library), basename(library));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(realpathSync(library), to);
  }
}
