import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../commands.ts';
import { IMAGES } from '../settings.ts';

/** Packs a folder as an image of one layer, in the format of `docker save`, which containerd and Docker import. */

const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * The part of an image that specifies how to run it: https://github.com/opencontainers/image-spec/blob/main/config.md
 */
export interface ImageConfig {
  Entrypoint?: readonly string[];
  Cmd?: readonly string[];
  Env?: readonly string[];
  User?: string;
  WorkingDir?: string;
  ExposedPorts?: Readonly<Record<string, object>>;
}

export interface Image {
  /** The root file system. */
  folder: string;
  tags: readonly string[];
  config: ImageConfig;
  /** Whether all files in the image belong to root, whoever owns them on this machine. */
  ownedByRoot?: boolean;
}

/** Replaces an archive atomically: readers find either the complete old or the complete new one. */
export async function writeArchive(file: string, { folder, tags, config, ownedByRoot = true }: Image): Promise<void> {
  const work = mkdtempSync(join(IMAGES, '.work-'));
  try {
    const layer = join(work, 'layer.tar');
    const owner = ownedByRoot ? ['--owner=0', '--group=0'] : [];
    run('tar', ['-C', folder, '--numeric-owner', ...owner, '-cf', layer, '.']);
    const digest = await sha256Of(layer);
    renameSync(layer, join(work, `${digest}.tar`));
    const text = JSON.stringify({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      history: [{ created_by: 'npm run cluster' }],
    });
    const id = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(work, `${id}.json`), text);
    const manifest = [{ Config: `${id}.json`, RepoTags: tags, Layers: [`${digest}.tar`] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    run('tar', ['-C', work, '-cf', `${file}.part`, 'manifest.json', `${id}.json`, `${digest}.tar`]);
    renameSync(`${file}.part`, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
