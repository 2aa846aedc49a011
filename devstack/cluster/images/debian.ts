import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mirrorIn } from '../../../scripts/matrix/stores.mjs';
import { print } from '../../system/console.mjs';
import { runTool } from '../../system/process.mjs';
import { run } from '../commands.ts';
import { FOLDER, LOGS } from '../settings.ts';

/** Root file systems from Debian's packages, for substitutes of official images. */

const NOT_NEEDED = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale'];

/** @returns a new folder with Debian and these packages, which the caller removes */
export async function debianWith(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(FOLDER, name);
  rmSync(folder, { recursive: true, force: true });
  print(`Unpacking Debian with ${packages.join(' and ')} (debootstrap) …`);
  const logFile = join(LOGS, 'debootstrap.log');
  const args = ['-n', '10', 'debootstrap', '--variant=minbase', 'bookworm', folder, ...mirror()];
  await runTool({ name: 'debootstrap', command: 'nice', args, logFile });
  writeProgram(join(folder, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n'); // no service starts
  cpSync('/etc/apt/apt.conf.d', join(folder, 'etc/apt/apt.conf.d'), { recursive: true });
  const install = `DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`;
  await runTool({ name: 'apt-get', command: 'chroot', args: [folder, 'sh', '-c', install], logFile });
  for (const path of NOT_NEEDED) rmSync(join(folder, path), { recursive: true, force: true });
  return folder;
}

/** The package mirror that this machine uses; if there is none, debootstrap uses Debian's own. */
function mirror(): string[] {
  const found = mirrorIn(run('sh', ['-c', 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true']));
  return found === undefined ? [] : [found];
}

export function writeProgram(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}
