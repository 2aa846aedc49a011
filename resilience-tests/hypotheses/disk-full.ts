import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../devstack/system/console.mjs';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, NotHere, ownCluster } from '../harness/hypothesis.ts';
import { rootTool } from '../harness/root-tools.ts';
import { NONE } from '../harness/seen.ts';

interface SmallDisk extends Ground<Cluster> {
  folder: string;
}

const SIZE_MIB = 128;
const LEFT_BYTES = 512 * 1024;

/** A disk for Redis only. @throws NotHere if this user may not mount one */
async function clusterWithASmallDisk(): Promise<SmallDisk> {
  const folder = join(tmpdir(), `holdfast-disk-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const unmount = () => {
    rootTool('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true });
  };
  try {
    rootTool('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'holdfast', folder]);
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw new NotHere(`no small disk could be mounted: ${messageOf(error)}`);
  }
  const dir = join(folder, 'redis');
  return { ...(await ownCluster({ redis: { dir }, cleanUp: unmount })), folder };
}

export const diskFull: Hypothesis<SmallDisk> = {
  name: 'disk-full',
  expectation:
    'The disk of Redis is full. Redis acknowledges nothing that it could not write, and exits. MySQL takes over until there is space and Redis is back.',
  pauseMsMax: 10_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: clusterWithASmallDisk,
  async fault({ ground: { stack: cluster, folder }, mark, note }) {
    const { bavail, bsize } = statfsSync(folder);
    const filler = join(folder, 'filler');
    writeFileSync(filler, Buffer.alloc(bavail * bsize - LEFT_BYTES));
    mark(`${LEFT_BYTES / 1024} KiB are left on the disk`);
    const ended = await cluster.redis.ended(30_000);
    note(ended ? 'Redis exited' : 'Redis continued');
    await cluster.untilMode('DIRECT', 30_000);
    await sleep(3_000);
    rmSync(filler);
    mark('there is space again');
    if (ended) await cluster.redis.start();
    await cluster.untilBack();
  },
};
