import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lastOf } from '../../../scripts/image/dockerfile.mjs';
import { buildStages } from '../../../scripts/image/stages.mjs';
import { elapsed, print } from '../../system/console.mjs';
import { run } from '../commands.ts';
import { FOLDER, IMAGES } from '../settings.ts';
import { writeArchive } from './archive.ts';

/**
 * Builds the service's image with the steps of its Dockerfile, but without a container engine, as an archive.
 * @param root the checkout, which may be of another version
 */
export async function serviceImage(root: string, tags: readonly string[]): Promise<string> {
  const since = performance.now();
  mkdirSync(IMAGES, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, '.service-'));
  try {
    const { image, stage } = buildStages({ root, folder });
    const [first = 'holdfast'] = tags;
    const archive = join(IMAGES, `${first.replaceAll(/[/:]/g, '-')}.tar`);
    const list = (name: string): string[] => JSON.parse(lastOf(stage, name) ?? '[]');
    await writeArchive(archive, {
      folder: image,
      tags: tags.map((tag) => `docker.io/library/${tag}`),
      config: {
        User: lastOf(stage, 'USER') ?? '',
        WorkingDir: lastOf(stage, 'WORKDIR') ?? '/',
        Env: (lastOf(stage, 'ENV') ?? '').split(/\s+/),
        Entrypoint: list('ENTRYPOINT'),
        Cmd: list('CMD'),
        ExposedPorts: { '8080/tcp': {} },
      },
    });
    print(`Built the image ${tags.join(', ')} (${elapsed(since)}).`);
    return archive;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds the same image with Docker. @returns the archive */
export function dockerImage(root: string, names: readonly string[]): string {
  mkdirSync(IMAGES, { recursive: true });
  const archive = join(IMAGES, 'service.tar');
  run('docker', ['build', ...names.flatMap((name) => ['--tag', name]), root]);
  run('docker', ['save', '--output', archive, ...names]);
  return archive;
}
