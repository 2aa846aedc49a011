import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../install/go-tools.mjs';
import { UserError } from '../../system/console.mjs';
import { IMAGES } from '../settings.ts';
import { writeArchive } from './archive.ts';
import { debianWith } from './debian.ts';

/**
 * A substitute for the images of k6 and of the k6 operator's starter: the k6 that tools/go.mod pins, with the shell and
 * the curl that the operator's commands use.
 */
export async function k6WithShell(tags: readonly string[]): Promise<string> {
  const archive = join(IMAGES, 'k6-with-shell.tar');
  const k6 = findTool('k6');
  if (k6 === null) throw new UserError('k6 is missing: install Go 1.21 or newer, which builds it.');
  if (existsSync(archive) && statSync(archive).mtimeMs > statSync(k6).mtimeMs) return archive;
  mkdirSync(IMAGES, { recursive: true });
  const folder = await debianWith('k6-with-shell', ['curl']);
  copyFileSync(k6, join(folder, 'usr/bin/k6'));
  await writeArchive(archive, {
    folder,
    tags,
    ownedByRoot: false,
    config: {
      Entrypoint: ['k6'],
      User: '12345:12345',
      WorkingDir: '/home',
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
  });
  rmSync(folder, { recursive: true });
  return archive;
}
