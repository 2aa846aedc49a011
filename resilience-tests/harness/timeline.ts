import { modeOf } from '../../verification/harness/cluster.ts';
import { Mysql } from '../../verification/harness/mysql.ts';
import { mysqlsOf, type StackFile } from '../../verification/harness/system.ts';
import { now } from '../../verification/harness/time.ts';

export interface Moment {
  /** ms of `now()`. */
  at: number;
  what: string;
}

export interface Transition extends Moment {
  mode: string;
  epoch: number;
  by: string;
}

/** The moves of the authority since a given time, from its own log. MySQL uses this machine's clock. */
export async function transitions(file: StackFile, since: number): Promise<Transition[]> {
  const shards = mysqlsOf(file);
  const moves = shards.map((mysql, shard) => transitionsIn(mysql, since, shards.length > 1 ? `shard ${shard} ` : ''));
  return (await Promise.all(moves)).flat();
}

async function transitionsIn(mysql: StackFile['mysql'], since: number, which: string): Promise<Transition[]> {
  using database = await Mysql.open(mysql);
  const rows = await database.rows(
    'SELECT epoch, `mode`, changed_by, reason, changed_at FROM authority_log ORDER BY epoch',
  );
  const ahead = Date.now() - now();
  return rows
    .map((row) => ({
      at: (row['changed_at'] as Date).getTime() - ahead,
      mode: modeOf(String(row['mode'])),
      epoch: Number(row['epoch']),
      by: String(row['changed_by']),
      what: `${which}${row['mode']} (${row['reason']})`,
    }))
    .filter(({ at }) => at >= since);
}

/** The time from a fault to the next mode in which balances may be changed, ms; null if the authority did not move. */
export function switchMs(moves: readonly Transition[], fault: number): number | null {
  const open = moves.find(({ at, mode }) => at >= fault && (mode === 'DIRECT' || mode === 'CACHE'));
  return open ? open.at - fault : null;
}

const MOMENTS_MAX = 40;

/** The moments in order, with their times in seconds since the fault. */
export function linesOf(moments: readonly Moment[], from: number): string[] {
  const inOrder = moments.toSorted((a, b) => a.at - b.at);
  const lines = inOrder.slice(0, MOMENTS_MAX).map(({ at, what }) => `${((at - from) / 1000).toFixed(2)} s ${what}`);
  const more = inOrder.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}
